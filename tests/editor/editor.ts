import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

export const browserProgram = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why the editor cannot be tested here; undefined where it can. Under CI it must be possible. */
export const noBrowser: string | undefined = existsSync(browserProgram)
  ? undefined
  : `needs Chromium at ${browserProgram}: apt install chromium, or set CHROMIUM`;

if (noBrowser && process.env.CI === 'true') throw new Error(`The editor's tests ${noBrowser}.`);

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserProgram,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      // The tests look at what is played, not at the browser's rules about it.
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}

/** The Node-RED editor in a real headless Chromium. */
export class Editor {
  readonly page: Page;
  /** What went wrong in the page. */
  readonly faults: string[] = [];
  /** Addresses outside this machine that the page asked for. */
  readonly foreign: string[] = [];
  readonly #browser: Browser;

  private constructor(browser: Browser, page: Page, origin: string) {
    this.#browser = browser;
    this.page = page;
    page.on('pageerror', ({ message, stack = '' }) => {
      // Node-RED's own popovers sometimes lose a race on a busy machine; our code comes with the page, not in a file.
      const frames = stack.split('\n').filter((line) => line.trim().startsWith('at '));
      const theirs = frames.length > 0 && frames.every((line) => /\/(red|vendor)\//.test(line));
      if (!theirs) this.faults.push(stack || message);
    });
    page.on('console', (message) => {
      if (message.type() === 'error' || /reserved|missing/i.test(message.text()))
        this.faults.push(message.text());
    });
    page.on('request', (request) => {
      const url = request.url();
      if (/^https?:/.test(url) && !url.startsWith(origin)) this.foreign.push(url);
    });
  }

  static async open(
    url: string,
    options: { dark?: boolean; locale?: string; width?: number; height?: number } = {},
  ): Promise<Editor> {
    const browser = await launchBrowser();
    const page = await browser.newPage({
      viewport: { width: options.width ?? 1500, height: options.height ?? 850 },
      colorScheme: options.dark ? 'dark' : 'light',
      locale: options.locale ?? 'en-US',
    });
    const editor = new Editor(browser, page, url);
    await page.goto(url);
    await editor.#loaded();
    return editor;
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.#loaded();
  }

  async #loaded(): Promise<void> {
    await this.page.locator('.red-ui-palette-node').first().waitFor({ timeout: 30_000 });
    await this.page.locator('#red-ui-loading-progress').waitFor({ state: 'hidden' });
  }

  paletteNode(type: string) {
    return this.page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
  }

  /** The box of a node on the canvas. */
  canvasNode(id: string) {
    return this.page.locator(`.red-ui-flow-node-group[id="${id}"]`);
  }

  async showFlow(tab: string): Promise<void> {
    await this.page.evaluate(`RED.workspaces.show(${JSON.stringify(tab)})`);
    await this.page.waitForFunction(`RED.workspaces.active() === ${JSON.stringify(tab)}`);
    // The nodes are drawn a moment later.
    await this.page.waitForTimeout(200);
  }

  /** Drags a node from the palette to a place on the page; resolves with its id. */
  async place(type: string, x: number, y: number): Promise<string> {
    const { mouse } = this.page;
    const nodes = this.page.locator('.red-ui-flow-node-group');
    const before = await nodes.evaluateAll((groups) => groups.map(({ id }) => id));
    await this.paletteNode(type).scrollIntoViewIfNeeded();
    const from = (await this.paletteNode(type).boundingBox())!;
    await mouse.move(from.x + 30, from.y + 10);
    await mouse.down();
    await mouse.move(from.x + 90, from.y + 40, { steps: 5 });
    await mouse.move(x, y, { steps: 10 });
    await mouse.up();
    await nodes.nth(before.length).waitFor();
    const after = await nodes.evaluateAll((groups) => groups.map(({ id }) => id));
    return after.find((id) => !before.includes(id))!;
  }

  async openDialog(id: string): Promise<void> {
    await this.canvasNode(id).dblclick();
    await this.page.locator('.red-ui-tray-footer').last().waitFor();
    // The dialog slides in; only at its place can it be clicked.
    await this.page.waitForTimeout(400);
  }

  async openConfigDialog(type: string, id: string): Promise<void> {
    await this.page.evaluate(`RED.editor.editConfig('', ${JSON.stringify(type)}, ${JSON.stringify(id)})`);
    await this.page.locator('.red-ui-tray-footer').last().waitFor();
    await this.page.waitForTimeout(400);
  }

  /** Gives the upper of the two panels at the right more room. */
  async lowerSeparator(pixels: number): Promise<void> {
    const handle = this.page.locator('#red-ui-sidebar .red-ui-sidebar-section-separator');
    const { x, y, width, height } = (await handle.boundingBox())!;
    await this.page.mouse.move(x + width / 2, y + height / 2);
    await this.page.mouse.down();
    await this.page.mouse.move(x + width / 2, y + height / 2 + pixels, { steps: 8 });
    await this.page.mouse.up();
  }

  /** Keeps a picture of the open dialog, down to its last row. */
  async dialogPicture(name: string): Promise<void> {
    const { page } = this;
    const viewport = page.viewportSize()!;
    // Room for the longest of them.
    await page.setViewportSize({ ...viewport, height: 1000 });
    const tray = page.locator('.red-ui-tray').last();
    const head = (await tray.locator('.red-ui-tray-header').boundingBox())!;
    const last = await tray
      .locator('.earmark-form')
      .evaluate((form) => Math.max(...[...form.children].map((row) => row.getBoundingClientRect().bottom)));
    const { x, y, width } = head;
    await picture(page, `dialog-${name}`, { x, y, width, height: last + 16 - y });
    await page.setViewportSize(viewport);
  }

  async closeDialog(): Promise<void> {
    await this.page.locator('#node-dialog-cancel:visible, #node-config-dialog-cancel:visible').last().click();
    await this.page.waitForTimeout(400);
  }

  /** Type and id of the nodes that the editor marks as not set up right. */
  async invalidNodes(): Promise<string[]> {
    return (await this.page.evaluate(`(() => {
      const invalid = [];
      const look = (node) => {
        if (node.valid === false) invalid.push(node.type + ' ' + node.id + ': ' + node.validationErrors);
      };
      RED.nodes.eachNode(look);
      RED.nodes.eachConfig(look);
      return invalid;
    })()`)) as string[];
  }

  /** Pairs of nodes of the flow in sight that lie on top of each other, their buttons included. */
  async overlaps(): Promise<string[]> {
    return this.page.locator('.red-ui-flow-node-group').evaluateAll((groups) => {
      const boxes = groups.map((group) => ({
        id: group.id,
        box: group.querySelector('.red-ui-flow-node')!.getBoundingClientRect(),
      }));
      return boxes.flatMap((one, i) =>
        boxes
          .slice(i + 1)
          .filter(
            ({ box }) =>
              box.left < one.box.right &&
              one.box.left < box.right &&
              box.top < one.box.bottom &&
              one.box.top < box.bottom,
          )
          .map((other) => `${one.id} and ${other.id}`),
      );
    });
  }

  /** The messages of the debug sidebar, oldest first. */
  async debugMessages(): Promise<{ name: string; text: string }[]> {
    return this.page.locator('.red-ui-debug-msg').evaluateAll((elements) =>
      elements.map((element) => ({
        name: element.querySelector('.red-ui-debug-msg-name')?.textContent?.replace(/^node: /, '') ?? '',
        text: element.querySelector('.red-ui-debug-msg-payload')?.textContent?.replace(/^"|"$/g, '') ?? '',
      })),
    );
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** Keeps a picture of the page, or of a part of it, for the documentation when EARMARK_SCREENSHOTS is set. */
export async function picture(
  page: Page,
  name: string,
  clip?: { x: number; y: number; width: number; height: number },
): Promise<void> {
  if (!process.env.EARMARK_SCREENSHOTS) return;
  // What is not part of the subject: Node-RED's short messages and tips, and what was said about the last action.
  await page.evaluate("globalThis.RED?.actions?.invoke('core:toggle-show-tips', false)");
  await page.locator('.red-ui-notification:visible').first().waitFor({ state: 'hidden' });
  await page.waitForFunction("!document.querySelector('.earmark-message')?.textContent");
  // A row that a panel's edge cuts looks like a fault in a picture that cannot be scrolled.
  const cutRows = (hide: boolean) =>
    page.evaluate((hide) => {
      for (const row of document.querySelectorAll<HTMLElement>('.earmark-scroll .earmark-sound')) {
        const { bottom } = row.closest('.earmark-scroll')!.getBoundingClientRect();
        row.style.visibility = hide && row.getBoundingClientRect().bottom > bottom ? 'hidden' : '';
      }
    }, hide);
  await cutRows(true);
  const folder = path.join(import.meta.dirname, '..', '..', 'docs', 'images');
  await page.screenshot({ path: path.join(folder, `${name}.png`), ...(clip && { clip }) });
  await cutRows(false);
}
