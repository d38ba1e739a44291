import { expect, it, vi } from 'vitest';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { ids, openMemory, pattern } from './conformance/subject.ts';
import { temporaryFolder } from './temporary-folder.ts';

// A slow disk: the saved columns come long after the search thread has looked.
vi.mock(import('node:fs/promises'), async (original) => {
  const real = await original();
  const readFile = async (...file: Parameters<typeof real.readFile>) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    return real.readFile(...file);
  };
  return { ...real, readFile: readFile as typeof real.readFile };
});

it('a reader finds what was stored while it was being opened', async () => {
  const indexPath = temporaryFolder();
  const writer = await openMemory(createFeatureStorage, { indexPath });
  await writer.storePatterns(Array.from({ length: 900 }, (_, n) => pattern(n)));
  await writer.flush();
  let opening = true;
  let stored = 1000;
  const storing = (async () => {
    for (; opening; stored++) {
      await writer.storePatterns([pattern(stored)]);
      await writer.deletePattern(pattern(stored - 1000).pattern.id!);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const reader = await openMemory(createFeatureStorage, { indexPath, readOnly: true });
  opening = false;
  await storing;
  expect(stored).toBeGreaterThan(1005);
  const missed: number[] = [];
  for (let n = 1000; n < stored; n++) {
    const found = await reader.findSimilarPatterns(pattern(n).pattern.features, { maxResults: 1 });
    if (ids(found)[0] !== pattern(n).pattern.id) missed.push(n);
  }
  expect(missed).toEqual([]);
  expect((await reader.verify()).problems).toEqual([]);
});
