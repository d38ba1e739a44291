import { expect, it, onTestFinished, vi } from 'vitest';
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

it('what is changed while a deletion looks for it stays', async () => {
  const memory = await openMemory(createFeatureStorage);
  const count = 30_000;
  const patterns = Array.from({ length: count }, (_, n) => pattern(n, { id: `p${n}` }));
  await memory.storePatterns(
    patterns.map(({ pattern, metadata }) => ({ pattern, metadata: { ...metadata, label: 'old' } })),
  );
  // Each look at the clock is a slow computer's turn.
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000));
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const deleting = memory.deletePatterns({ label: 'old', sortBy: 'startTime', limit: count - 1 });
  await memory.updatePattern('p0', { metadata: { label: 'new' } });
  expect(await deleting).toBe(count - 2);
  expect((await memory.getPatternById('p0'))?.metadata.label).toBe('new');
});
