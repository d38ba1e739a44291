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
  for (const entry of ['audio', 'bridge', 'storage', 'pipelines']) {
    const module = (await import(`../../src/${entry}/index.ts`)) as object;
    const page = pageText(`docs/reference/${entry}.md`);
    for (const exported of Object.keys(module)) expect(page, exported).toContain(`\n### ${exported}\n`);
  }
});
