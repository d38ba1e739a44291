import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { encodeWav } from '../../src/audio/index.ts';
import { type FlowNode, NodeRed } from '../runtime/node-red.ts';
import { browserProgram, noBrowser } from './editor.ts';
import { SidebarServer } from './sidebar-page.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const rate = 48_000;
const route = '/earmark/capture/kitchen/microphone';

/** Half a second of 700 Hz and half a second of near silence, which Chromium takes for its microphone, again and again. */
const heard = Float32Array.from(
  { length: rate },
  (_, i) =>
    (i < rate / 2 ? 0.3 * Math.sin((2 * Math.PI * 700 * i) / rate) : 0) + 0.0005 * (Math.random() - 0.5),
);

const flows: FlowNode[] = [
  { id: 'tab', type: 'tab', label: 'page' },
  {
    id: 'kitchen',
    type: 'earmark-capture',
    z: 'tab',
    name: 'kitchen tablet',
    source: 'browser',
    cut: 'sounds',
    pauseSeconds: '0.15',
    maxSeconds: '5',
    autoStart: true,
    format: 'raw',
    wires: [['tell']],
  },
  {
    id: 'tell',
    type: 'function',
    z: 'tab',
    func: 'return { payload: JSON.stringify(msg.audio) };',
    outputs: 1,
    wires: [['told']],
  },
  {
    id: 'told',
    type: 'debug',
    z: 'tab',
    active: true,
    tosidebar: true,
    complete: 'payload',
    targetType: 'msg',
  },
];

interface Heard {
  durationMs: number;
  startTime: number;
  gap: boolean;
  frequencyRange: { low: number; high: number };
}

describe.skipIf(noBrowser)(`the page that makes a browser a microphone (${noBrowser ?? 'Chromium'})`, () => {
  let folder: string;
  let browser: Browser;
  let nodeRed: NodeRed;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'earmark-page-'));
    const wav = path.join(folder, 'heard.wav');
    writeFileSync(wav, encodeWav(heard, rate));
    await build();
    [browser, nodeRed] = await Promise.all([
      chromium.launch({
        executablePath: browserProgram,
        args: [
          '--no-sandbox',
          '--disable-gpu',
          '--use-fake-ui-for-media-stream',
          '--use-fake-device-for-media-stream',
          `--use-file-for-fake-audio-capture=${wav}`,
          '--host-resolver-rules=MAP elsewhere.test 127.0.0.1',
        ],
      }),
      NodeRed.start({ flows }),
    ]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await nodeRed?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(url: string, locale = 'en-GB'): Promise<{ page: Page; faults: string[] }> {
    const context = await browser.newContext({ locale, viewport: { width: 700, height: 640 } });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    await page.goto(url);
    return { page, faults };
  }
  const says = (page: Page, text: string | RegExp) =>
    expect.poll(() => page.locator('#status').textContent(), { timeout: 15_000 }).toMatch(text);
  const told = () => nodeRed.debugged('told').map((text) => JSON.parse(text) as Heard);

  it('sends what the browser hears, whole and without a gap, and lets another browser follow', async () => {
    const { page, faults } = await open(nodeRed.url + route);
    await says(page, 'Press the button, and what this browser hears goes to the node “kitchen tablet”.');
    await page.evaluate(axe);
    const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string }[] };
    expect(violations.map(({ id }) => id)).toEqual([]);

    await page.getByRole('button', { name: 'Start the microphone' }).click();
    await says(page, 'Listening. The sound goes to the node “kitchen tablet”.');
    await nodeRed.status('kitchen', 'status.listening');
    await nodeRed.debug('told', 3);
    // The first one may have been going on already.
    for (const { durationMs, gap, frequencyRange } of told().slice(1)) {
      expect(Math.abs(durationMs - 500)).toBeLessThan(60);
      expect(gap).toBe(false);
      expect(frequencyRange.low).toBeLessThan(700);
      expect(frequencyRange.high).toBeGreaterThan(700);
      expect(frequencyRange.high).toBeLessThan(1000);
    }
    const [, second, third] = told();
    expect(third!.startTime - second!.startTime).toBeCloseTo(1, 1);
    expect(await page.locator('#loss').isVisible()).toBe(false);

    // The network is away for a moment; what was said meanwhile is sent afterwards.
    expect(faults).toEqual([]);
    await page.context().setOffline(true);
    await says(page, 'Node-RED does not answer.');
    await page.context().setOffline(false);
    await says(page, 'Listening.');
    await nodeRed.debug('told', told().length + 2);
    expect(told().filter(({ gap }) => gap)).toEqual([]);
    expect(await page.locator('#loss').isVisible()).toBe(false);
    faults.splice(0); // Chromium's own words on the requests that failed.

    const other = await open(nodeRed.url + route, 'de-DE');
    await says(other.page, /Ein anderer Browser ist schon das Mikrofon/);
    const before = nodeRed.now;
    await page.getByRole('button', { name: 'Stop' }).click();
    await nodeRed.status('kitchen', 'status.browser', { from: before });
    await says(other.page, /geht an den Node „kitchen tablet“/);
    await other.page.getByRole('button', { name: 'Mikrofon einschalten' }).click();
    await nodeRed.status('kitchen', 'status.listening', { from: before });
    // The sound that the first one's end cut off is told only now, and has no gap before it.
    await expect.poll(() => told().filter(({ gap }) => gap).length, { timeout: 15_000 }).toBe(1);
    expect([...faults, ...other.faults]).toEqual([]);
  }, 60_000);

  it('says what to do where the connection is not safe', async () => {
    const { page } = await open(nodeRed.url.replace('127.0.0.1', 'elsewhere.test') + route);
    await says(page, /only where the connection is safe/);
    expect(await page.locator('#local').textContent()).toBe(
      nodeRed.url.replace('127.0.0.1', 'localhost') + route,
    );
    expect(await page.getByRole('button').count()).toBe(0);
  });

  it('refuses what is no sound of a page', async () => {
    const post = (query: string, body: string | Uint8Array, type = 'application/octet-stream') =>
      fetch(`${nodeRed.url}${route}/audio?${query}`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: body as BodyInit,
      }).then(({ status }) => status);
    const well = 'recording=mine&firstSample=0&sampleRate=16000';
    expect(await post(well, 'a=b', 'application/x-www-form-urlencoded')).toBe(415);
    expect(await post(well, new Uint8Array(2 ** 20 + 2))).toBe(413);
    expect(await post(well, 'odd')).toBe(400);
    expect(await post('recording=mine&firstSample=x&sampleRate=16000', 'even')).toBe(400);
    expect(await post('recording=mine&firstSample=0&sampleRate=1', 'even')).toBe(400);
    expect((await fetch(`${nodeRed.url}${route}/..%2f..%2fserver.ts`)).status).toBe(404);
    expect(
      (await fetch(`${nodeRed.url}/earmark/capture/nobody/microphone/audio?${well}`, { method: 'POST' }))
        .status,
    ).toBe(404);
  });

  it('needs the right to write, and finds the login of the editor', async () => {
    const guarded = await SidebarServer.start({ protect: true });
    try {
      const token = async (user: string) => {
        const response = await fetch(`${guarded.url}auth/token`, {
          method: 'POST',
          body: new URLSearchParams({
            ...{ client_id: 'node-red-editor', grant_type: 'password', scope: '' },
            ...{ username: user, password: user },
          }),
        });
        return (await response.json()) as { access_token: string };
      };
      const own = guarded.url.slice(0, -1) + route;
      const ask = (what: string, method: string, bearer?: { access_token: string }) =>
        fetch(`${own}/${what}`, {
          method,
          headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer.access_token}` },
        }).then(({ status }) => status);
      for (const bearer of [undefined, await token('nobody'), await token('reader')]) {
        expect(await ask('state', 'GET', bearer)).toBe(401);
        expect(await ask('audio?recording=mine', 'POST', bearer)).toBe(401);
      }
      const { page } = await open(own);
      await says(page, 'Log in to Node-RED in this browser first.');
      await page.evaluate(
        (kept) => localStorage.setItem('auth-tokens', kept),
        JSON.stringify(await token('writer')),
      );
      await says(page, 'is not listening');
    } finally {
      await guarded.stop();
    }
  }, 60_000);
});
