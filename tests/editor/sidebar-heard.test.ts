import type { Page, WebSocketRoute } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { darkTheme, seriousFaults } from './accessibility.ts';
import { noBrowser } from './editor.ts';
import { picture, SidebarServer } from './sidebar-page.ts';

describe.skipIf(noBrowser)('what was just heard, in the Sounds sidebar', { timeout: 90_000 }, () => {
  let server: SidebarServer;
  let page: Page;
  let errors: string[];

  const heard = () => page.locator('.earmark-heard .earmark-sound');
  const newest = () => heard().first();
  const stored = () => page.locator('.earmark-view > .earmark-scroll .earmark-sound');
  const status = (text: string) => page.locator('.earmark-message').getByText(text).waitFor();
  const undo = (action: string) => page.getByRole('button', { name: `Undo: ${action}` }).click();
  const count = (rows: typeof heard, number: number) =>
    expect.poll(() => rows().count(), { timeout: 15_000 }).toBe(number);
  /** What stays under the pointer does not move. */
  const pointElsewhere = () => page.mouse.move(640, 400);

  beforeAll(async () => {
    server = await SidebarServer.start();
    ({ page, errors } = await server.open());
    await page.evaluate(() => {
      const window = globalThis as unknown as { played: number };
      window.played = 0;
      const play = HTMLMediaElement.prototype.play;
      HTMLMediaElement.prototype.play = function () {
        window.played++;
        return play.call(this);
      };
    });
  });

  afterEach(() => {
    expect(errors.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await server?.stop();
  });

  test('there is nothing of it while nothing was heard', async () => {
    await page.getByText('Nothing heard yet').waitFor();
    expect(await page.locator('.earmark-heard').isVisible()).toBe(false);
  });

  test('a sound that nobody stores appears by itself, is heard, and is taught by its name', async () => {
    await server.hear([0, { source: 'hall microphone' }]);
    await newest().getByText('not recognised').waitFor();
    await newest()
      .getByText(/hall microphone · 0\.4\ss · −18\sdB/)
      .waitFor();
    await newest().locator('.earmark-picture:not(.earmark-no-picture)').waitFor();
    await page.getByText('Nothing stored yet').waitFor();
    // News of what is heard takes nothing from under the focus.
    const examples = page.locator('.earmark-empty button');
    await examples.focus();
    await newest().hover();
    const asked = page.waitForResponse(/\/heard$/);
    await pointElsewhere();
    await (await asked).finished();
    await page.waitForTimeout(200);
    expect(await examples.evaluate((button) => button === document.activeElement)).toBe(true);
    // The last row hands its focus on, also where the list below has none.
    await newest().focus();
    await page.keyboard.press('Delete');
    await count(heard, 0);
    expect(await page.evaluate('document.activeElement.type')).toBe('search');
    await undo('delete 1 sound');
    await newest().locator('.earmark-picture:not(.earmark-no-picture)').waitFor();
    await newest().getByRole('button', { name: 'Listen' }).click();
    await expect.poll(() => page.evaluate('played')).toBe(1);
    await newest().getByRole('button', { name: 'name it' }).click();
    await page.keyboard.type('doorbell');
    await page.keyboard.press('Enter');
    await stored().getByRole('button', { name: 'doorbell', exact: true }).waitFor();
    await count(heard, 0);
    expect(await page.locator('.earmark-heard').isVisible()).toBe(false);
  });

  test('a recognised one is confirmed by one click, and undo makes it only heard again', async () => {
    await server.hear([0]);
    await newest()
      .getByText(/recognised as doorbell, \d+\s%/)
      .waitFor();
    await newest().getByRole('button', { name: 'yes' }).click();
    await status('1 sound named "doorbell".');
    await count(heard, 0);
    await count(stored, 2);
    await undo('name 1 sound "doorbell"');
    await newest().getByText('recognised as doorbell').waitFor();
    await count(stored, 1);
  });

  test('one that was recognised wrongly gets another name, by which the next one is recognised', async () => {
    await server.hear([0, { source: 'phone', take: 'ring tone' }]);
    await newest().getByText('phone').waitFor();
    await newest().getByText('recognised as doorbell').waitFor();
    await picture(page, 'heard');
    await newest().getByRole('button', { name: 'name it' }).click();
    await page.keyboard.type('ring tone');
    await page.keyboard.press('Enter');
    await stored().getByRole('button', { name: 'ring tone', exact: true }).waitFor();
    await pointElsewhere();
    await server.hear([0, { source: 'phone again', take: 'ring tone' }]);
    await newest().getByText('phone again').waitFor();
    await newest().getByText('recognised as ring tone').waitFor();

    await undo('name 1 sound "ring tone"');
    await count(heard, 3);
    await count(stored, 1);
    await server.hear([0, { source: 'phone once more', take: 'ring tone' }]);
    await newest().getByText('phone once more').waitFor();
    await newest().getByText('recognised as doorbell').waitFor();
  });

  test('by keyboard: from the search field, said not to be it, named background noise, taken away', async () => {
    const focused = (place: string) =>
      expect.poll(() => page.evaluate(`Boolean(document.activeElement.closest('${place}'))`)).toBe(true);
    await page.getByRole('searchbox', { name: 'Search sounds' }).focus();
    await page.keyboard.press('ArrowDown');
    await focused('.earmark-heard .earmark-sound:first-child');
    await page.keyboard.press('n');
    await status('Not "doorbell": 1 sound.');
    await stored().getByText('not doorbell').waitFor();
    await focused('.earmark-heard .earmark-sound');
    await page.keyboard.press('Control+z');
    await count(heard, 4);
    await page.keyboard.press('b');
    await stored().getByRole('button', { name: 'background noise', exact: true }).waitFor();
    await page.keyboard.press('Control+z');
    await count(heard, 4);
    await page.keyboard.press('Delete');
    await count(heard, 3);
    await page.keyboard.press('Control+z');
    await count(heard, 4);
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowDown');
    await focused('.earmark-view > .earmark-scroll .earmark-sound');
    await page.keyboard.press('ArrowUp');
    await focused('.earmark-heard .earmark-sound:last-child');
    await page.keyboard.press('Enter');
    await status('1 sound named "doorbell".');
    await undo('name 1 sound "doorbell"');
    await count(heard, 4);
  });

  test('several are named at once', async () => {
    await heard().nth(0).getByRole('checkbox').click();
    await heard()
      .nth(2)
      .getByRole('checkbox')
      .click({ modifiers: ['Shift'] });
    await page.locator('.earmark-heard').getByText('Selected: 3 sounds').waitFor();
    expect(await seriousFaults(page, '.earmark-sounds')).toEqual([]);
    await page.getByRole('combobox', { name: 'Name of all selected sounds' }).fill('chime');
    await page.keyboard.press('Enter');
    await status('3 sounds named "chime".');
    await count(heard, 1);
    await undo('name 3 sounds "chime"');
    await count(heard, 4);
    await pointElsewhere();
  });

  test('a sound that goes on is one row, in which nothing is lost while it grows, and follows a rename', async () => {
    const take = { source: 'yard', take: 'siren' };
    await server.hear([0, take]);
    const row = newest();
    await row.getByText('yard').waitFor();
    const name = row.getByRole('button', { name: 'name it' });
    await row.focus();
    await name.focus();
    for (let i = 0; i < 5; i++) await server.hear([0, { ...take, goesOn: true }]);
    await row.getByText(/yard · 1\.4\ss/).waitFor();
    expect(await name.evaluate((button) => button === document.activeElement)).toBe(true);
    await count(heard, 5);
    const rename = async (from: string, to: string) => {
      await page.getByRole('tab', { name: 'Labels' }).click();
      await page.getByRole('button', { name: `Rename ${from}` }).click();
      await page.keyboard.type(to);
      await page.keyboard.press('Enter');
      await status(`1 sound named "${to}".`);
      await page.getByRole('tab', { name: 'Sounds', exact: true }).click();
    };
    await rename('doorbell', 'front door');
    await pointElsewhere();
    await row.getByText('recognised as front door').waitFor();
    await row.getByRole('button', { name: 'yes' }).click();
    await status('1 sound named "front door".');
    await page.getByRole('tab', { name: 'Labels' }).click();
    expect(await page.locator('.earmark-labels li').count()).toBe(1);
    await page.getByRole('tab', { name: 'Sounds', exact: true }).click();
    await undo('name 1 sound "front door"');
    await undo('name 1 sound "front door"');
    await pointElsewhere();
    await row.getByText('recognised as doorbell').waitFor();
    await row.focus();
    await page.keyboard.press('Delete');
    await count(heard, 4);
  });

  test('one that came without its audio says what to do', async () => {
    await server.hear([0, { source: 'silent', clip: false }]);
    await newest().getByText('silent').waitFor();
    await newest()
      .getByRole('button', { name: /^This sound came without its audio/ })
      .waitFor();
    await newest().focus();
    await page.keyboard.press('Space');
    await status('Turn on "Pass the sound on" in the "wav2vec2 extract" node.');
    await page.keyboard.press('Delete');
    await count(heard, 4);
  });

  test('what fails is said in the language of the editor', async () => {
    const full = { status: 507, json: { code: 'DISK_FULL', message: 'ENOSPC' } };
    await page.route(/\/label$/, (route) => route.fulfill(full), { times: 1 });
    await newest().focus();
    await page.keyboard.press('b');
    await status('The disk is full. Free some space, then try again.');
    await count(heard, 4);
    // The browser notes such answers itself.
    expect(errors.splice(0)).toMatchObject([expect.stringContaining('507')]);
  });

  test('a row under the pointer stays there when somebody else names the one above', async () => {
    const row = heard().nth(2);
    await row.hover();
    const ids = [await newest().getAttribute('data-id')];
    const label = await page.request.post(`${server.url}earmark/memories/home-memory/label`, {
      data: { ids, label: 'doorbell' },
    });
    expect(await label.json()).toMatchObject({ sounds: 1 });
    await count(stored, 2);
    await count(heard, 4);
    await row.getByRole('button', { name: 'yes' }).click();
    await count(heard, 3);
    await pointElsewhere();
    await count(heard, 2);
    await undo('name 1 sound "doorbell"');
    await count(heard, 3);
    await undo('name 1 sound "doorbell"');
    await count(heard, 4);
  });

  test('nothing moves under the pointer', async () => {
    await newest().hover();
    await server.hear([0, { source: 'late' }]);
    await page.waitForTimeout(1200);
    await count(heard, 4);
    await pointElsewhere();
    await newest().getByText('late').waitFor();
  });

  test('folded together, it only counts, and asks for no pictures', async () => {
    const title = page.getByRole('button', { name: /^Just heard/ });
    await title.click();
    expect(await newest().isVisible()).toBe(false);
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/details')) asked++;
    });
    await server.hear([0, { source: 'unseen' }]);
    await title.getByText('(6)').waitFor();
    expect(asked).toBe(0);
    await title.click();
    await newest().locator('.earmark-picture:not(.earmark-no-picture)').waitFor();
  });

  test('what came while the connection was lost is shown when it is back', async () => {
    const connections: WebSocketRoute[] = [];
    await page.routeWebSocket(/\/comms$/, (connection) => {
      connection.connectToServer();
      connections.push(connection);
    });
    await page.reload();
    await page.waitForFunction('window.RED?.workspaces?.active?.()');
    await page.evaluate('RED.actions.invoke("earmark:show-sounds")');
    await newest().getByText('unseen').waitFor();
    await connections[0]!.close();
    await server.hear([0, { source: 'unnoticed' }]);
    await expect.poll(() => connections.length, { timeout: 15_000 }).toBe(2);
    await newest().getByText('unnoticed').waitFor();
  });

  test('is easy to read in the dark theme and in a narrow panel', async () => {
    const sidebar = page.locator('.earmark-sounds');
    for (const dark of [false, true]) {
      await darkTheme(page, dark);
      expect(await seriousFaults(page, '.earmark-sounds')).toEqual([]);
    }
    await darkTheme(page, false);
    await sidebar.evaluate((element) => element.style.setProperty('width', '180px'));
    const wide = await sidebar.evaluate((element) => {
      const { right } = element.getBoundingClientRect();
      const all = [...element.querySelectorAll('.earmark-heard *')];
      return all
        .filter((one) => one.getBoundingClientRect().right > right + 1)
        .map(({ outerHTML }) => outerHTML);
    });
    expect(wide).toEqual([]);
    await sidebar.evaluate((element) => element.style.removeProperty('width'));
  });
});
