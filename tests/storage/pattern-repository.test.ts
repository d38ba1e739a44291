import { expect, it, vi } from 'vitest';
import { FeatureVectorDatabase } from '../../src/storage/feature-vector-database.ts';
import { createFeatureStorage, type StorageHealthEvent } from '../../src/storage/index.ts';
import { direction, ids, openMemory, pattern } from './conformance/subject.ts';
import { temporaryFolder } from './temporary-folder.ts';

it('an id that leads to the record of another is reported and answers nothing', async () => {
  const indexPath = temporaryFolder();
  const first = await openMemory(createFeatureStorage, { indexPath });
  await first.storePatterns([pattern(1), pattern(2)]);
  await first.close();
  const database = new FeatureVectorDatabase(indexPath, { readOnly: false });
  const slotOfTwo = Buffer.alloc(4);
  slotOfTwo.writeUInt32LE(database.slotOf('p0002')!);
  await database.ids.put(Buffer.from('p0001'), slotOfTwo);
  await database.close();

  const events: StorageHealthEvent['kind'][] = [];
  const memory = await openMemory(createFeatureStorage, {
    indexPath,
    onHealthEvent: ({ kind }) => events.push(kind),
  });
  expect(await memory.getPatternById('p0001')).toBeUndefined();
  await expect(memory.updatePattern('p0001', { metadata: { label: 'bell' } })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  expect((await memory.getPatternById('p0002'))?.metadata.label).toBeUndefined();
  expect(events).toEqual(['record-damaged']);
});

it('of sounds that are all the same a search reads as many as were asked for', async () => {
  const memory = await openMemory(createFeatureStorage);
  const same = Array.from({ length: 3000 }, (_, n) => pattern(n, { features: direction(1) }));
  await memory.storePatterns([...same, pattern(9999)]);
  const read = vi.spyOn(FeatureVectorDatabase.prototype, 'record');
  const found = await memory.findSimilarPatterns(pattern(9999).pattern.features, { maxResults: 4 });
  expect(ids(found)).toEqual(['p9999', 'p0000', 'p0001', 'p0002']);
  expect(read.mock.calls.length).toBeLessThan(20);
  read.mockRestore();
});
