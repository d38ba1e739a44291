import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { MadeSounds } from '../sounds/made-sounds.ts';
import { launchBrowser, picture as pagePicture } from './editor.ts';

type StoredSound = Parameters<MadeSounds['pattern']>;

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

/** Keeps a picture of the sidebar for the documentation when EARMARK_SCREENSHOTS is set. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!process.env.EARMARK_SCREENSHOTS) return;
  const { x, y, width, height } = (await page.locator('.earmark-sounds').boundingBox())!;
  const clip = { x: x - 6, y: y - 24, width: width + 12, height: height + 30 };
  await pagePicture(page, `sidebar-${name}`, clip);
}
