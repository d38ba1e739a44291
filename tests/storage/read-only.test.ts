import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createFeatureStorage,
  type FeatureStorage,
  type StorageHealthEvent,
} from '../../src/storage/index.ts';
import { damagedPatterns, queryVector } from './damaged-memory.ts';
import { temporaryFolder } from './temporary-folder.ts';

const count = 12_050;

/** Makes a file or folder read-only for root too, where this process may mount. */
function makeReadOnly(target: string): boolean {
  try {
    execFileSync('mount', ['--bind', target, target], { stdio: 'ignore' });
  } catch {
    return false;
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', target]);
  });
  execFileSync('mount', ['-o', 'remount,bind,ro', target]);
  return true;
}

async function open(indexPath: string, readOnly: boolean, events: string[] = []): Promise<FeatureStorage> {
  const onHealthEvent = ({ kind }: StorageHealthEvent) => events.push(kind);
  const storage = createFeatureStorage({ indexPath, readOnly, onHealthEvent });
  await storage.initialize();
  return storage;
}

const similar = async (storage: FeatureStorage) =>
  (await storage.findSimilarPatterns(queryVector, { maxResults: 3 })).map(({ pattern }) => pattern.id);

async function filled(): Promise<{ folder: string; truth: string[] }> {
  const folder = path.join(temporaryFolder(), 'memory');
  const storage = createFeatureStorage({ indexPath: folder, dimensions: 16 });
  await storage.initialize();
  await storage.storePatterns(damagedPatterns(count, 1));
  await storage.flush();
  const truth = await similar(storage);
  await storage.close();
  return { folder, truth };
}

describe('what may not be written', () => {
  it('a memory on a read-only disk is read, and refuses to be written to', async ({ skip }) => {
    const { folder, truth } = await filled();
    if (!makeReadOnly(folder)) return skip('This process may not mount.');
    await expect(open(folder, false)).rejects.toMatchObject({ code: 'PATH' });
    const reader = await open(folder, true);
    expect(await reader.countPatterns()).toBe(count);
    expect(await similar(reader)).toEqual(truth);
    expect((await reader.verify()).problems).toEqual([]);
    await reader.close();
  }, 60_000);

  it('a cache that cannot be replaced changes no answer', async ({ skip }) => {
    const { folder, truth } = await filled();
    for (const name of readdirSync(folder).filter((one) => !one.startsWith('memory.'))) {
      if (!makeReadOnly(path.join(folder, name))) return skip('This process may not mount.');
    }
    const events: string[] = [];
    const writer = await open(folder, false, events);
    await writer.storePatterns(damagedPatterns(count, 2).slice(0, 100));
    await writer.flush();
    expect(events).toContain('cache-save-failed');
    expect(await similar(writer)).toEqual(truth);
    await writer.close();
    const again = await open(folder, false);
    expect(await again.countPatterns()).toBe(count);
    expect((await again.verify()).problems).toEqual([]);
    await again.close();
  }, 60_000);
});
