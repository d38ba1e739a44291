import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noBrowser } from './editor.ts';
import { SidebarServer } from './sidebar-page.ts';

describe.skipIf(noBrowser)('while sounds come in', { timeout: 90_000 }, () => {
  let server: SidebarServer;
  const taps = (from: number, to: number) =>
    server.store(
      Array.from({ length: to - from }, (_, i) => [
        `tap-${from + i}`,
        2,
        { clip: true, createdAt: Date.now() },
      ]),
    );

  beforeAll(async () => {
    server = await SidebarServer.start();
    await taps(0, 10);
  });
  afterAll(async () => {
    await server?.stop();
  });

  test('suggestions stay under the pointer and the focus until these leave, or a name is given', async () => {
    const { page, errors } = await server.open();
    const heard = (times: number) => page.getByText(`Heard ${times} times this week`);
    await page.getByRole('tab', { name: 'Suggestions' }).click();
    await heard(10).waitFor();

    await page.getByRole('button', { name: 'Listen' }).first().hover();
    await page.mouse.down();
    const news = page.waitForResponse(/\/labels$/);
    await taps(10, 11);
    await (await news).finished();
    await page.waitForTimeout(1000);
    const clip = page.waitForResponse(/\/clip$/);
    await page.mouse.up();
    expect((await clip).status()).toBe(200);
    await page.mouse.move(640, 400);
    await heard(11).waitFor();

    await page.getByRole('tab', { name: 'Suggestions' }).focus();
    await page.keyboard.press('Tab');
    const focused = () => page.evaluate("document.activeElement.classList.contains('earmark-play')");
    expect(await focused()).toBe(true);
    await taps(11, 12);
    await page.waitForTimeout(1500);
    expect(await focused()).toBe(true);
    await page.keyboard.press('Shift+Tab');
    await heard(12).waitFor();

    await page.getByRole('button', { name: 'name it' }).first().click();
    await page.keyboard.type('tap');
    await page.keyboard.press('Enter');
    await heard(11).waitFor();
    await page.getByRole('button', { name: 'name it' }).first().click();
    await page.keyboard.press('Escape');
    expect(await page.locator('.earmark-card .earmark-sound input').count()).toBe(0);
    expect(errors).toEqual([]);
  });

  test('labels stay under the pointer and the focus until these leave', async () => {
    const { page, errors } = await server.open();
    const kettles = (from: number, to: number) =>
      server.store(
        Array.from({ length: to - from }, (_, i) => [
          `kettle-${from + i}`,
          3,
          { label: 'kettle', createdAt: Date.now() },
        ]),
      );
    await kettles(0, 5);
    await page.getByRole('tab', { name: 'Labels' }).click();
    await page.getByText('5 sounds').waitFor();
    const rename = page.getByRole('button', { name: 'Rename kettle' });
    await rename.hover();
    await page.mouse.down();
    await kettles(5, 6);
    await page.waitForTimeout(1500);
    await page.mouse.up();
    await page.getByRole('combobox', { name: 'New name of kettle' }).fill('tea kettle');
    await page.keyboard.press('Enter');
    await page.getByText('6 sounds', { exact: true }).waitFor();
    await kettles(6, 7);
    await page.mouse.move(640, 400);
    await page.getByRole('button', { name: 'Rename kettle' }).waitFor();
    expect(errors).toEqual([]);
  });
});
