import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { hasShippedModel, testPython } from '../real-bridge.ts';
import { temporaryUserDir } from '../runtime/node-red.ts';
import { Editor, noBrowser, picture } from './editor.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const missing = noBrowser ?? (hasShippedModel ? undefined : 'needs the shipped model');
if (missing && process.env.CI === 'true') throw new Error(`The newcomer's test ${missing}.`);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** From `npm start` to a sound that is recognised by the name that was given to it, with a mouse and one word typed. */
describe.skipIf(missing)(`a newcomer's first minute (${missing ?? 'Chromium'})`, () => {
  const userDir = temporaryUserDir();
  let started: ChildProcess;
  let editor: Editor;

  beforeAll(async () => {
    // So that what is timed out here is the start, not the setting up of a fresh clone.
    await Promise.all([build(), testPython()]);
    const port = await freePort();
    started = spawn(process.execPath, [path.join(root, 'scripts', 'setup.mjs'), 'start'], {
      env: { ...process.env, PORT: String(port), HOST: '127.0.0.1', EARMARK_USER_DIR: userDir },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: started.stdout! });
    for await (const line of lines) if (line.startsWith('Ready: ')) break;
    editor = await Editor.open(`http://127.0.0.1:${port}`, { width: 1560, height: 900 });
  }, 240_000);
  afterAll(async () => {
    await editor?.close();
    if (started?.exitCode === null) {
      started.kill('SIGTERM');
      await once(started, 'exit');
    }
    rmSync(userDir, { recursive: true, force: true });
  });

  const press = (id: string) => editor.canvasNode(id).locator('.red-ui-flow-node-button-button').click();
  const said = async (name: string) =>
    (await editor.debugMessages()).filter((message) => message.name === name).map(({ text }) => text);

  it('plays a sound that nobody has named, names it, and hears it recognised', async () => {
    const { page } = editor;
    await page.evaluate(() => {
      const window = globalThis as unknown as { heard: number };
      window.heard = 0;
      HTMLMediaElement.prototype.play = new Proxy(HTMLMediaElement.prototype.play, {
        apply: (play, element) => {
          window.heard++;
          return Reflect.apply(play, element, []);
        },
      });
    });
    if (process.env.EARMARK_SCREENSHOTS) {
      await expect
        .poll(async () => (await said('recognised')).length, { timeout: 60_000 })
        .toBeGreaterThan(5);
      await page.locator('.red-ui-flow-node-status-label', { hasText: 'finished 12' }).waitFor();
    }
    const categories = page.locator('.red-ui-palette-header:visible');
    expect((await categories.first().textContent())!.trim()).toBe('sound memory');
    const cut = await page.locator('.red-ui-flow-node-button').evaluateAll((buttons) => {
      const { right } = document.querySelector('#red-ui-workspace-chart')!.getBoundingClientRect();
      return buttons.filter((button) => button.getBoundingClientRect().right > right).length;
    });
    expect(cut).toBe(0);
    await picture(page, 'newcomer-1-start');

    await press('sound-memory-lesson-first');
    await expect.poll(() => said('unknown'), { timeout: 60_000 }).toHaveLength(1);
    await page.locator('[data-tab-id="earmark-sounds"]').first().click();
    await editor.lowerSeparator(190);
    const row = page.locator('.earmark-sound', { hasText: '01-smoke-alarm' });
    await row.getByRole('button', { name: 'Listen' }).click();
    await expect.poll(() => page.evaluate('heard'), { timeout: 15_000 }).toBe(1);
    const newestMessage = page.locator('.red-ui-debug-msg').last();
    await newestMessage.scrollIntoViewIfNeeded();
    await picture(page, 'newcomer-2-unknown');

    await row.getByRole('button', { name: 'name it' }).click();
    await page.keyboard.type('smoke alarm');
    await page.keyboard.press('Enter');
    await row.getByRole('button', { name: 'smoke alarm', exact: true }).waitFor();
    await picture(page, 'newcomer-3-named');

    await press('sound-memory-lesson-again');
    await expect.poll(() => said('what you taught'), { timeout: 30_000 }).toHaveLength(1);
    expect(await said('what you taught')).toEqual([
      expect.stringMatching(/^smoke alarm, similarity [01]\.\d\d$/),
    ]);
    await newestMessage.scrollIntoViewIfNeeded();
    await picture(page, 'newcomer-4-recognised');
    expect(editor.faults).toEqual([]);
    expect(editor.foreign).toEqual([]);
  }, 150_000);
});
