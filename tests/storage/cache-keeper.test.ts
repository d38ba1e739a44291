import { cpSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { FeatureVectorDatabase } from '../../src/storage/feature-vector-database.ts';
import { createFeatureStorage, type FeatureStorage } from '../../src/storage/index.ts';
import { ids, openMemory, pattern } from './conformance/subject.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { dimensions } from './vectors.ts';

it.each([true, false])(
  'forgets what nothing needs of the change log, with persistIndexOnDisk: %s',
  async (kept) => {
    const indexPath = temporaryFolder();
    const options = { indexPath, persistIndexOnDisk: kept, saveEvery: { changes: 500 } };
    const memory = await openMemory(createFeatureStorage, options);
    for (let n = 0; n < 3; n++) {
      await Promise.all(Array.from({ length: 1000 }, (_, k) => memory.storePatterns([pattern(k % 7)])));
    }
    await memory.flush();
    const database = new FeatureVectorDatabase(indexPath, { readOnly: true });
    const { sequence, logStart } = database.state();
    await database.close();
    expect(sequence).toBe(3000);
    expect(logStart).toBeGreaterThan(sequence - 2000);
  },
);

it('does not believe the caches of a time that a backup took back', async () => {
  const indexPath = temporaryFolder();
  const file = path.join(indexPath, 'memory.mdb');
  const backup = path.join(temporaryFolder(), 'memory.mdb');
  const open = () => openMemory(createFeatureStorage, { indexPath });
  const storeEach = async (memory: FeatureStorage, numbers: number[]) => {
    for (const n of numbers) await memory.storePatterns([pattern(n)]);
  };
  let memory = await open();
  await storeEach(memory, [1, 2]);
  await memory.close();
  cpSync(file, backup);
  memory = await open();
  await storeEach(memory, [3, 4, 5]);
  await memory.close();

  cpSync(backup, file);
  memory = await open();
  await storeEach(memory, [6, 7, 8, 9]);
  // As after a power cut: nothing was closed.
  const cut = temporaryFolder();
  cpSync(indexPath, cut, { recursive: true });
  await memory.close();
  memory = await openMemory(createFeatureStorage, { indexPath: cut, dimensions });
  expect(ids(await memory.queryPatterns({ sortBy: 'id' }))).toEqual(
    [1, 2, 6, 7, 8, 9].map((n) => pattern(n).pattern.id),
  );
  expect((await memory.verify()).problems).toEqual([]);
});

it('does not believe the caches of another backup that was put in its place before', async () => {
  const indexPath = temporaryFolder();
  const file = path.join(indexPath, 'memory.mdb');
  const [first, second] = [temporaryFolder(), temporaryFolder()];
  const open = () => openMemory(createFeatureStorage, { indexPath });
  const storeEach = async (memory: FeatureStorage, numbers: number[]) => {
    for (const n of numbers) await memory.storePatterns([pattern(n)]);
  };
  let memory = await open();
  await storeEach(memory, [1, 2]);
  await memory.backup(first);
  await storeEach(memory, [3, 4, 5, 6]);
  await memory.backup(second);
  await memory.close();

  cpSync(path.join(first, 'memory.mdb'), file);
  memory = await open();
  await storeEach(memory, [7, 8]);
  await memory.close();
  cpSync(path.join(second, 'memory.mdb'), file);
  memory = await open();
  expect(ids(await memory.queryPatterns({ sortBy: 'id' }))).toEqual(
    [1, 2, 3, 4, 5, 6].map((n) => pattern(n).pattern.id),
  );
  expect((await memory.verify()).problems).toEqual([]);
});
