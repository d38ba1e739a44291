import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { writtenPages } from '../../scripts/reference.ts';
import { pageText, root } from './pages.ts';

it('says what the types, the help and the card say; `npm run reference` writes it anew', async () => {
  const pages = await writtenPages();
  const there = readdirSync(path.join(root, 'docs', 'reference')).map((name) => `docs/reference/${name}`);
  expect([...there, 'README.md'].sort()).toEqual([...pages.keys()].sort());
  for (const [name, text] of pages) expect(pageText(name), `${name}: run npm run reference`).toBe(text);
});

it('names everything that the package exports', async () => {
  const { exports } = JSON.parse(pageText('package.json')) as { exports: Record<string, unknown> };
  const entries = Object.keys(exports).flatMap((name) => /^\.\/(\w+)$/.exec(name)?.[1] ?? []);
  expect(entries.length).toBeGreaterThan(3);
  for (const entry of entries) {
    const module = (await import(`../../src/${entry}/index.ts`)) as object;
    const page = pageText(`docs/reference/${entry}.md`);
    for (const exported of Object.keys(module)) expect(page, exported).toContain(`\n### ${exported}\n`);
  }
});
