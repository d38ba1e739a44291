import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createFeatureStorage, type StorageError } from '../../src/storage/index.ts';
import { all, ids, pattern } from './conformance/subject.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { dimensions, direction } from './vectors.ts';

/** A disk of four megabytes, where this process may mount one. */
function smallDisk(): string | undefined {
  const folder = path.join(temporaryFolder(), 'disk');
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', folder]);
  });
  return folder;
}

it('a full disk refuses writes, loses nothing and goes on serving', async ({ skip }) => {
  const disk = smallDisk();
  if (disk === undefined) return skip('This process may not mount a small disk to fill.');
  const rejections: unknown[] = [];
  const listen = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', listen);
  onTestFinished(() => {
    process.off('unhandledRejection', listen);
  });

  const indexPath = path.join(disk, 'memory');
  const kinds = new Set<string>();
  let storage = createFeatureStorage({ indexPath, dimensions, onHealthEvent: ({ kind }) => kinds.add(kind) });
  await storage.initialize();
  const stored: string[] = [];
  let refused: StorageError | undefined;
  for (let batch = 0; batch < 200 && refused === undefined; batch++) {
    const patterns = Array.from({ length: 50 }, (_, n) => ({
      ...pattern(batch * 50 + n),
      clip: new Uint8Array(2000),
    }));
    try {
      stored.push(...(await storage.storePatterns(patterns)));
    } catch (error) {
      refused = error as StorageError;
    }
  }
  expect(refused).toMatchObject({ name: 'StorageError', code: 'DISK_FULL', retryable: true });
  expect(kinds).toContain('disk-full');
  expect(stored.length).toBeGreaterThan(100);

  expect(await storage.countPatterns()).toBe(stored.length);
  expect(ids(await storage.findSimilarPatterns(direction(7), { maxResults: 1 }))).toEqual(['p0007']);
  await storage.flush();
  await storage.close();

  storage = createFeatureStorage({ indexPath, dimensions });
  await storage.initialize();
  expect(ids(await all(storage.iteratePatterns({ sortBy: 'id' })))).toEqual(stored);
  expect((await storage.verify()).problems).toEqual([]);
  await storage.close();
  await new Promise(setImmediate);
  expect(rejections).toEqual([]);
}, 60_000);
