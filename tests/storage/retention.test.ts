import { expect, it } from 'vitest';
import { createFeatureStorage, type StorageError } from '../../src/storage/index.ts';
import { openMemory, pattern } from './conformance/subject.ts';

it('a pattern that is stored is not refused because an older one cannot be forgotten yet', async () => {
  const memory = await openMemory(createFeatureStorage, { maxPatterns: 5 });
  const told = new Set<string>();
  const refused = new Map<string, StorageError>();
  const storing: Promise<unknown>[] = [];
  const store = () => {
    const id = `p${storing.length}`;
    const stored = memory.storePatterns([pattern(1, { id })]);
    storing.push(stored.catch((error: StorageError) => refused.set(id, error)));
  };
  // As many writes wait as may, so that there is no room for a deletion.
  memory.watch().subscribe((change) => {
    if (change.kind !== 'stored') return;
    told.add(change.id);
    for (let n = 0; n < 2 && storing.length < 6000; n++) store();
  });
  for (let n = 0; n < 4090; n++) store();
  for (let n = 0; n < storing.length; n++) await storing[n];
  expect([...refused.values()][0]).toMatchObject({ code: 'BUSY' });
  expect([...refused.keys()].filter((id) => told.has(id))).toEqual([]);
  await memory.storePatterns([pattern(2)]);
  expect(await memory.countPatterns()).toBe(5);
});
