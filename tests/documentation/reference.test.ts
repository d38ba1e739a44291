import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { referencePages } from '../../scripts/reference.ts';

const folder = path.resolve(import.meta.dirname, '../../docs/reference');

it('says what the types and the help say; `npm run reference` writes it anew', async () => {
  const pages = await referencePages();
  expect(readdirSync(folder).sort()).toEqual([...pages.keys()].sort());
  for (const [name, text] of pages) expect(readFileSync(path.join(folder, name), 'utf8'), name).toBe(text);
});

it('names everything that the package exports', async () => {
  const pages = await referencePages();
  const entries = {
    'audio.md': 'audio',
    'bridge.md': 'bridge',
    'storage.md': 'storage',
    'pipelines.md': 'pipelines',
  };
  for (const [name, entry] of Object.entries(entries)) {
    const module = (await import(`../../src/${entry}/index.ts`)) as object;
    for (const exported of Object.keys(module))
      expect(pages.get(name), exported).toContain(`\n### ${exported}\n`);
  }
});
