import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import type { MadeSounds } from '../sounds/made-sounds.ts';
import { launchBrowser, picture as pagePicture } from './editor.ts';

type StoredSound = Parameters<MadeSounds['pattern']>;
type HeardSound = [
  kind: number,
  options?: { source?: string; take?: string; goesOn?: boolean; clip?: boolean },
];

/** Node-RED with one memory, and a browser to look at it. */
export class SidebarServer {
  readonly #child: ChildProcess;
  readonly #userDir: string;
  readonly #browser: Browser;
  readonly url: string;

  private constructor(child: ChildProcess, userDir: string, browser: Browser, port: number) {
    this.#child = child;
    this.#userDir = userDir;
    this.#browser = browser;
    this.url = `http://127.0.0.1:${port}/`;
  }

  static async start(options: { protect?: boolean } = {}): Promise<SidebarServer> {
    const userDir = mkdtempSync(path.join(os.tmpdir(), 'earmark-sidebar-'));
    const child = fork(
      path.join(import.meta.dirname, 'sidebar-server.mjs'),
      [JSON.stringify({ userDir, ...options })],
      { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    );
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`Node-RED ended with ${code} before it was ready: its message stands above.`);
    });
    ended.catch(() => undefined);
    const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }];
    const browser = await launchBrowser();
    return new SidebarServer(child, userDir, browser, port);
  }

  /** Stores sounds of these ids and kinds, or so many of any kind. */
  async store(sounds: StoredSound[] | number): Promise<void> {
    const answer = once(this.#child, 'message');
    this.#child.send({ store: sounds });
    await answer;
  }

  /** Lets a *similar* node hear sounds of these kinds; two of one take have the same vector. */
  async hear(...sounds: HeardSound[]): Promise<void> {
    const answer = once(this.#child, 'message');
    this.#child.send({ hear: sounds });
    await answer;
  }

  /** The editor with the sidebar in sight. Errors on the page end the test. */
  async open(options: { user?: string } = {}): Promise<{ page: Page; errors: string[] }> {
    const page = await this.#browser.newPage({
      viewport: { width: 1280, height: 740 },
      colorScheme: 'light',
      locale: 'en-GB',
    });
    page.setDefaultTimeout(15_000);
    page.setDefaultNavigationTimeout(60_000);
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.goto(this.url);
    if (options.user) {
      await page.locator('#node-dialog-login-username').fill(options.user);
      await page.locator('#node-dialog-login-password').fill(options.user);
      await page.locator('#node-dialog-login-submit').click();
      await page.waitForFunction('window.RED?.settings?.user');
      // Node-RED itself asks for its settings once before anybody has logged in.
      errors.splice(0);
    }
    await page.waitForFunction('window.RED?.workspaces?.active?.()');
    await page.locator('#red-ui-main-container').waitFor();
    await page.evaluate('RED.actions.invoke("earmark:show-sounds")');
    // The sidebar shall have the whole column.
    const debug = page.locator('button[data-tab-id=debug]');
    if (await page.locator('#red-ui-sidebar .red-ui-debug-content-list').isVisible()) await debug.click();
    await page.mouse.move(640, 400);
    return { page, errors };
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
    rmSync(this.#userDir, { recursive: true, force: true });
  }
}

/** The colour of the dot before a name, as the browser has it. */
export async function dotColour(name: Locator): Promise<string> {
  const dot = name.locator('.earmark-dot').first();
  const colour = await dot.evaluate((dot) => getComputedStyle(dot).backgroundColor);
  // One that was just replaced has none.
  return colour === '' ? dotColour(name) : colour;
}

/** Where on the page the map has points of a colour: their middle, the farthest distance from it, one of them. */
export function pointsOf(
  map: Locator,
  colour: string,
): Promise<{ x: number; y: number; radius: number; left: number; leftY: number; pixels: number }> {
  return map.evaluate((canvas: HTMLCanvasElement, colour) => {
    const { data, width } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    const wanted = colour.match(/\d+/g)!.map(Number);
    const box = canvas.getBoundingClientRect();
    const ratio = width / box.width;
    const found: [x: number, y: number][] = [];
    for (let i = 0; i < data.length; i += 4) {
      // CSS and the map may round one colour differently.
      if (wanted.some((value, c) => Math.abs(data[i + c]! - value) > 1)) continue;
      found.push([box.x + ((i / 4) % width) / ratio, box.y + Math.floor(i / 4 / width) / ratio]);
    }
    const mean = (of: (point: [number, number]) => number) =>
      found.reduce((sum, point) => sum + of(point), 0) / found.length;
    const [x, y] = [mean(([x]) => x), mean(([, y]) => y)];
    const [left, leftY] = found.reduce((one, other) => (other[0] < one[0] ? other : one), found[0] ?? [0, 0]);
    return {
      ...{ x, y, left, leftY, pixels: found.length },
      radius: found.reduce((most, point) => Math.max(most, Math.hypot(point[0] - x, point[1] - y)), 0),
    };
  }, colour);
}

/** Keeps a picture of the sidebar for the documentation when EARMARK_SCREENSHOTS is set. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!process.env.EARMARK_SCREENSHOTS) return;
  const { x, y, width, height } = (await page.locator('.earmark-sounds').boundingBox())!;
  const clip = { x: x - 6, y: y - 24, width: width + 12, height: height + 26 };
  await pagePicture(page, `sidebar-${name}`, clip);
}
