import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { checkStructure } from '../../src/storage/lmdb-structure.ts';
import { pattern } from './conformance/subject.ts';
import { temporaryFolder } from './temporary-folder.ts';

it('a memory is looked through piece by piece, however large it is', async () => {
  const indexPath = temporaryFolder();
  const dimensions = 256;
  const memory = createFeatureStorage({ indexPath, dimensions });
  await memory.initialize();
  const features = new Float32Array(dimensions).fill(1);
  await memory.storePatterns(Array.from({ length: 10_000 }, (_, n) => pattern(n, { features })));
  await memory.close();
  expect(statSync(path.join(indexPath, 'memory.mdb')).size).toBeGreaterThan(15_000_000);

  const before = process.memoryUsage().arrayBuffers;
  let most = before;
  const watching = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  });
  await checkStructure(indexPath);
  most = Math.max(most, process.memoryUsage().arrayBuffers);
  clearInterval(watching);
  expect(most - before).toBeLessThan(5_000_000);
});

it('a page of a transaction to come is refused, since LMDB would write to it in place', async () => {
  const indexPath = temporaryFolder();
  const memory = createFeatureStorage({ indexPath, dimensions: 8 });
  await memory.initialize();
  await memory.storePatterns(Array.from({ length: 300 }, (_, n) => pattern(n)));
  await memory.close();
  await checkStructure(indexPath);
  const file = path.join(indexPath, 'memory.mdb');
  const bytes = readFileSync(file);
  for (let at = 2 * 4096; at < bytes.length; at += 4096) bytes[at + 9]! ^= 2;
  writeFileSync(file, bytes);
  await expect(checkStructure(indexPath)).rejects.toMatchObject({ code: 'CORRUPT' });
});
