import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { noBrowser } from './editor.ts';
import { picture, SidebarServer } from './sidebar-page.ts';

describe.skipIf(noBrowser)('the Sounds sidebar with adminAuth on', { timeout: 90_000 }, () => {
  let server: SidebarServer;
  const tokens: Record<string, string> = {};

  beforeAll(async () => {
    server = await SidebarServer.start({ protect: true });
    await server.store([
      ['ring-1', 0, { clip: true, label: 'doorbell' }],
      ['ring-2', 0, { clip: true }],
    ]);
    for (const user of ['writer', 'labeller', 'reader', 'nobody']) tokens[user] = await login(user);
    await server.hear([0, { source: 'ring at the door' }]);
    await vi.waitFor(async () => expect(await heard()).toHaveLength(1), { timeout: 15_000 });
  });

  afterAll(async () => {
    await server?.stop();
  });

  async function login(user: string): Promise<string> {
    const response = await fetch(`${server.url}auth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: 'node-red-editor',
        grant_type: 'password',
        scope: '',
        username: user,
        password: user,
      }),
    });
    return ((await response.json()) as { access_token: string }).access_token;
  }

  async function heard(): Promise<{ id: string }[]> {
    const response = await ask('/home-memory/heard', { user: 'reader' });
    return ((await response.json()) as { sounds: { id: string }[] }).sounds;
  }

  function ask(
    route: string,
    options: { user?: string; body?: unknown; type?: string; under?: string } = {},
  ): Promise<Response> {
    const { user, body, type = 'application/json', under = 'memories' } = options;
    return fetch(`${server.url}earmark/${under}${route}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(user && { authorization: `Bearer ${tokens[user]}` }),
        ...(body !== undefined && { 'content-type': type }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  const reading: [string, unknown?][] = [
    [''],
    ['/home-memory/sounds'],
    ['/home-memory/heard'],
    ['/home-memory/details', { ids: ['ring-1'] }],
    ['/home-memory/sounds/ring-1/clip'],
    ['/home-memory/labels'],
    ['/home-memory/map'],
    ['/home-memory/map/sounds', { rows: [0], generation: 1 }],
    ['/home-memory/suggestions'],
    ['/home-memory/undo'],
  ];
  const writing: [string, unknown][] = [
    ['/home-memory/label', { ids: ['ring-2'], label: 'x' }],
    ['/home-memory/refuse', { ids: ['ring-1'], label: 'doorbell' }],
    ['/home-memory/rename', { from: 'doorbell', to: 'x' }],
    ['/home-memory/delete', { ids: ['ring-1'] }],
    ['/home-memory/undo', {}],
  ];

  test.each([...reading, ...writing])(
    'an anonymous visitor and a user without the right get nothing of %s',
    async (route, body) => {
      for (const user of [undefined, 'nobody']) {
        const response = await ask(route, { body, ...(user && { user }) });
        expect(response.status).toBe(401);
        expect(await response.text()).not.toMatch(/ring|doorbell/);
      }
    },
  );

  test.each(reading)('a reader may ask for %s', async (route, body) => {
    expect((await ask(route, { user: 'reader', body })).status).toBe(200);
  });

  test.each(writing)('a reader may not change anything by %s', async (route, body) => {
    expect((await ask(route, { user: 'reader', body })).status).toBe(401);
    const { sounds } = (await (await ask('/home-memory/sounds', { user: 'reader' })).json()) as {
      sounds: { label?: string }[];
    };
    expect(sounds.map(({ label }) => label).sort()).toEqual(['doorbell', undefined]);
  });

  /** What the nodes' dialogs ask, and what they answer somebody who may. */
  const dialogs: [string, string, unknown, string[], number][] = [
    ['capture', '/devices', undefined, ['reader', 'writer', 'labeller'], 200],
    ['bridge', '/home-bridge/models', undefined, ['reader', 'writer', 'labeller'], 200],
    // Empty, so that no microphone is opened and no server asked.
    ['capture', '/some-node/test', {}, ['writer', 'labeller'], 400],
    // To open a path or an address takes the right to deploy.
    ['capture', '/test', {}, ['writer'], 400],
    ['capture', '/test', { source: 'file', text: 'gone.wav' }, ['writer'], 200],
    ['bridge', '/test', {}, ['writer', 'labeller'], 400],
  ];
  test.each(dialogs)(
    'the route /earmark/%s%s answers only who may ask it',
    async (under, route, body, may, answer) => {
      for (const user of [undefined, 'nobody', 'reader', 'labeller', 'writer']) {
        const { status } = await ask(route, { under, body, ...(user && { user }) });
        expect(status, user).toBe(user !== undefined && may.includes(user) ? answer : 401);
      }
    },
  );

  test('the clip is what was stored, as a WAV file that no browser takes for something else', async () => {
    const response = await ask('/home-memory/sounds/ring-1/clip', { user: 'reader' });
    expect(response.headers.get('content-type')).toBe('audio/wav');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const wav = Buffer.from(await response.arrayBuffer());
    expect(wav.length).toBe(44 + 2 * 0.4 * 16_000);
    expect(wav.toString('latin1', 0, 4)).toBe('RIFF');
  });

  test.each([
    ['a memory that is not there', '/gone/sounds', undefined, 404, 'CLOSED'],
    ['a clip that is not there', '/home-memory/sounds/gone/clip', undefined, 404, 'NOT_FOUND'],
    [
      'a criterion that is not there',
      '/home-memory/sounds?query=%7B%22colour%22%3A1%7D',
      undefined,
      400,
      'INVALID',
    ],
    [
      'a criterion that makes no sense',
      '/home-memory/sounds?query=%7B%22timeRange%22%3A5%7D',
      undefined,
      400,
      'INVALID_ARGUMENT',
    ],
    ['too many sounds', '/home-memory/details', { ids: Array.from({ length: 61 }, String) }, 400, 'INVALID'],
    [
      'a label that is too long',
      '/home-memory/label',
      { ids: ['ring-1'], label: 'x'.repeat(201) },
      400,
      'INVALID',
    ],
    ['no label to refuse', '/home-memory/refuse', { ids: ['ring-1'], label: ' ' }, 400, 'INVALID'],
    [
      'rows of another map',
      '/home-memory/label',
      { rows: [0], generation: 99, label: 'x' },
      409,
      'STALE_MAP',
    ],
    ['nothing to undo', '/home-memory/undo', {}, 409, 'NOTHING_TO_UNDO'],
  ])('%s is answered with a code and a sentence', async (_name, route, body, status, code) => {
    const response = await ask(route, { user: 'writer', body });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ code, message: expect.stringMatching(/\w+ .+\.$/) });
  });

  test('a form of another site cannot change anything', async () => {
    const body = 'ids[]=ring-1&label=x';
    const response = await ask('/home-memory/label', {
      user: 'writer',
      body,
      type: 'application/x-www-form-urlencoded',
    });
    expect(response.status).toBe(415);
  });

  test('what was just heard can be listened to by a reader, but not named or taken away', async () => {
    const id = (await heard())[0]!.id;
    for (const user of [undefined, 'nobody', 'reader']) {
      const clip = await ask(`/home-memory/sounds/${id}/clip`, user === undefined ? {} : { user });
      expect(clip.status, user).toBe(user === 'reader' ? 200 : 401);
      for (const [route, body] of [
        ['label', { ids: [id], label: 'x' }],
        ['refuse', { ids: [id], label: 'doorbell' }],
        ['delete', { ids: [id] }],
      ] as const) {
        expect((await ask(`/home-memory/${route}`, { body, ...(user && { user }) })).status).toBe(401);
      }
    }
    expect(await heard()).toMatchObject([{ id }]);
    expect((await (await ask('/home-memory/sounds', { user: 'reader' })).json()).sounds).toHaveLength(2);
  });

  test('a reader can listen, sees no way to label, and is told why', async () => {
    const { page, errors } = await server.open({ user: 'reader' });
    const row = page.locator('.earmark-sound[data-id="ring-1"]');
    await row.waitFor();
    const clip = page.waitForResponse(/ring-1\/clip$/);
    await row.getByRole('button', { name: 'Listen' }).click();
    expect((await clip).status()).toBe(200);
    await page.getByText('You may listen.').waitFor();
    const heardRow = page.locator('.earmark-heard .earmark-sound');
    await heardRow.getByText(/recognised as doorbell, \d+\s%/).waitFor();
    expect(await heardRow.getByRole('button').count()).toBe(1);
    const heardClip = page.waitForResponse(/clip$/);
    await heardRow.getByRole('button', { name: 'Listen' }).click();
    expect((await heardClip).status()).toBe(200);
    expect(await row.getByRole('checkbox').count()).toBe(0);
    expect(await row.getByTitle('Name this sound').count()).toBe(0);
    await row.focus();
    await page.keyboard.press('l');
    await page.keyboard.press('Delete');
    expect(await page.locator('.earmark-label-field').count()).toBe(0);
    await picture(page, 'reader');
    for (const name of ['Map', 'Suggestions', 'Labels', 'Sounds'])
      await page.getByRole('tab', { name, exact: true }).click();
    expect(await page.locator('.earmark-message').textContent()).toBe('');
    expect(errors).toEqual([]);
  });

  test('a user without the right to read is told so, and asked for nothing', async () => {
    const { page, errors } = await server.open({ user: 'nobody' });
    await page.getByText('Ask for the right to read them (earmark.read).').waitFor();
    expect(await page.locator('.earmark-sounds :is(button, input)').count()).toBe(0);
    expect(errors).toEqual([]);
  });

  test('a writer can label', async () => {
    const { page, errors } = await server.open({ user: 'writer' });
    const row = page.locator('.earmark-sound[data-id="ring-2"]');
    await row.getByTitle('Name this sound').click();
    await page.keyboard.type('chime');
    await page.keyboard.press('Enter');
    await row.getByText('chime').waitFor();
    expect(errors).toEqual([]);
  });
});
