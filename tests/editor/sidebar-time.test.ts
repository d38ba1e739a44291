import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noBrowser } from './editor.ts';
import { SidebarServer } from './sidebar-page.ts';

const hour = 3_600_000;

describe.skipIf(noBrowser)('time in the Sounds sidebar', { timeout: 90_000 }, () => {
  let server: SidebarServer;

  beforeAll(async () => {
    server = await SidebarServer.start();
  });
  afterAll(async () => {
    await server?.stop();
  });

  test('a search goes with it: "24h" are the last 24 hours whenever the list is brought up to date', async () => {
    const { page, errors } = await server.open();
    const row = (id: string) => page.locator(`[data-id=${id}]`);
    const now = Date.now();
    await server.store([['morning', 0, { createdAt: now - hour }]]);
    await page.getByRole('searchbox').fill('heard:24h');
    await row('morning').waitFor();
    await page.clock.setFixedTime(now + 30 * hour);
    await server.store([['next-day', 0, { createdAt: now + 30 * hour }]]);
    await row('next-day').waitFor();
    await row('morning').waitFor({ state: 'detached' });
    expect(errors).toEqual([]);
  });

  test('and numbers are written in the language of the editor, whatever the browser speaks', async () => {
    const { page } = await server.open();
    await page.clock.setFixedTime(new Date(2026, 10, 28));
    await server.store([
      ['in-march', 0, { createdAt: new Date(2026, 2, 3, 15, 4).getTime() }],
      ['last-year', 0, { createdAt: new Date(2025, 2, 3, 15, 4).getTime() }],
    ]);
    const facts = page.locator('[data-id=in-march] .earmark-sound-facts');
    await facts.getByText('3 Mar 15:04').waitFor();
    await page.locator('[data-id=last-year]').getByText('3 Mar 2025 15:04').waitFor();
    await facts.getByText('0.4\u00a0s').waitFor();
    await page.evaluate(() => localStorage.setItem('editor-language', 'de'));
    await page.reload();
    await page.waitForFunction('window.RED?.workspaces?.active?.()');
    await page.evaluate('RED.actions.invoke("earmark:show-sounds")');
    await facts.getByText('3. März 15:04').waitFor();
    await facts.getByText('0,4\u00a0s').waitFor();
  });
});
