import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { noBrowser } from './editor.ts';
import { SidebarServer } from './sidebar-page.ts';

/** Nothing here is clicked, and nothing gets the focus but by Tab. */
describe.skipIf(noBrowser)('the Sounds sidebar without a mouse', { timeout: 90_000 }, () => {
  let server: SidebarServer;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    server = await SidebarServer.start();
    const now = Date.now();
    const many = (name: string, kind: number, options: { label?: string; createdAt: number }) =>
      Array.from({ length: 12 }, (_, i): [string, number, object] => [
        `${name}-${i}`,
        kind,
        { clip: true, ...options },
      ]);
    await server.store([
      ['ring', 0, { clip: true, createdAt: now }],
      ...many('tap', 2, { createdAt: now - 3_600_000 }),
      ...many('door', 3, { label: 'front door', createdAt: now - 7_200_000 }),
    ]);
    ({ page, errors } = await server.open());
  });

  afterEach(() => {
    expect(errors.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await server?.stop();
  });

  const press = (...keys: string[]) =>
    keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());
  const status = () => page.locator('.earmark-message');
  /** Tab by Tab to an element of the sidebar. */
  const tabTo = async (selector: string, key = 'Tab') => {
    for (let i = 0; i < 150; i++) {
      if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
      await page.keyboard.press(key);
    }
    throw new Error(`${key} does not lead to ${selector}.`);
  };
  const nextTab = async () => {
    await tabTo('.earmark-tabs [aria-selected=true]', 'Shift+Tab');
    await press('ArrowRight');
  };

  test('from the page into the list: a sound is found, heard and named', async () => {
    await tabTo('.earmark-tabs [aria-selected=true]');
    await tabTo('.earmark-search input');
    await press('ArrowDown');
    expect(await page.evaluate('document.activeElement.dataset.id')).toBe('ring');
    const clip = page.waitForResponse(/ring\/clip$/);
    await press('Space');
    expect((await clip).status()).toBe(200);
    await press('l');
    await page.keyboard.type('doorbell');
    await press('Enter');
    await page.locator('[data-id=ring] .earmark-sound-label').getByText('doorbell').waitFor();
  });

  test('the checkbox of a row is checked by its own key, and a name is typed in a field that shows it', async () => {
    await tabTo('[data-id=ring] input[type=checkbox]');
    await press('Space');
    const selected = page.getByText('Selected: 1 sound');
    await selected.waitFor();
    await press('Space');
    await selected.waitFor({ state: 'hidden' });
    await page.locator('[data-id=tap-0]').focus();
    await press('l');
    const { width } = (await page.locator('[data-id=tap-0] .earmark-label-field input').boundingBox())!;
    expect(width).toBeGreaterThan(100);
    await press('Escape');
  });

  test('the map: from sound to sound, two are selected and named', async () => {
    await nextTab();
    await page.locator('.earmark-map-status').getByText('25 sounds').waitFor();
    await tabTo('.earmark-map canvas');
    await press('ArrowRight');
    await page.locator('.earmark-map-card .earmark-sound').waitFor();
    await press('x');
    // There is a sound in at least one of the four directions.
    for (const key of ['ArrowRight', 'ArrowDown', 'ArrowLeft', 'ArrowUp']) {
      await press(key);
      await press('x');
    }
    const bar = page.locator('.earmark-map .earmark-selection-count');
    const selected = Number((await bar.textContent())!.match(/\d+/)![0]);
    expect(selected).toBeGreaterThan(0);
    await press('l');
    await page.keyboard.type('by keyboard');
    await press('Enter');
    await page.locator('.earmark-legend').getByText(`by keyboard ${selected}`).waitFor();
    // On with the next sound.
    expect(await page.evaluate("document.activeElement.matches('.earmark-map canvas')")).toBe(true);
  });

  test('suggestions: a group gets its name', async () => {
    await nextTab();
    await page.locator('.earmark-card').first().waitFor();
    await tabTo('.earmark-card .earmark-label-field input');
    await page.keyboard.type('tap');
    await press('Enter');
    await status()
      .getByText(/\d+ sounds named "tap"\./)
      .waitFor();
  });

  test('labels: one is renamed, and that is undone', async () => {
    await nextTab();
    await tabTo('.earmark-labels .red-ui-button[aria-label="Rename tap"]');
    await press('Enter');
    await page.keyboard.type('dripping tap');
    await press('Enter');
    await page.locator('.earmark-labels').getByText('dripping tap').waitFor();
    await tabTo('.earmark-undo', 'Shift+Tab');
    await press('Enter');
    await page.locator('.earmark-labels').getByText('tap', { exact: true }).waitFor();
  });
});
