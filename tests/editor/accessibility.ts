import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Axe {
  run(part: {
    include: string;
    exclude: string;
  }): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
}

/** What axe calls serious or critical in a part of the page: the rule, and the elements that break it. */
export async function seriousFaults(page: Page, part: string): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async (part) => {
    const { axe } = globalThis as unknown as { axe: Axe };
    // Node-RED's own hidden fields, which keep browsers from filling in passwords.
    const { violations } = await axe.run({ include: part, exclude: '[id^=red-ui-trap-]' });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  }, part);
}

/** Node-RED's dark theme, without changing the user's settings. */
export async function darkTheme(page: Page, dark: boolean): Promise<void> {
  await page.evaluate((dark) => document.documentElement.classList.toggle('nr-theme-dark', dark), dark);
}
