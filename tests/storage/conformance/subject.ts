import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { FeatureStorage, FeatureStorageOptions, NewStoredPattern } from '../../../src/storage/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { dimensions, direction } from '../vectors.ts';

export { dimensions, direction };

/** Makes the storage engine that is held to the suite. */
export type StorageFactory = (options: FeatureStorageOptions) => FeatureStorage;

/** An open, empty memory that is closed when the test ends. */
export async function openMemory(
  create: StorageFactory,
  options: Partial<FeatureStorageOptions> = {},
): Promise<FeatureStorage> {
  const storage = create({ indexPath: temporaryFolder(), dimensions, ...options });
  await storage.initialize();
  onTestFinished(() => storage.close());
  return storage;
}

/** A memory for a whole file of tests: opening one costs more than most of them. */
export function sharedMemory(
  create: StorageFactory,
  fill: (memory: FeatureStorage) => Promise<void>,
  options: Partial<FeatureStorageOptions> = {},
): () => FeatureStorage {
  const folder = mkdtempSync(path.join(tmpdir(), 'earmark-storage-'));
  const storage = create({ indexPath: folder, dimensions, ...options });
  beforeAll(async () => {
    await storage.initialize();
    await fill(storage);
  });
  afterAll(async () => {
    await storage.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return () => storage;
}

/** A pattern whose every part follows from its number. */
export function pattern(
  number: number,
  more: { features?: Float32Array; id?: string } = {},
): NewStoredPattern {
  return {
    pattern: {
      id: more.id ?? `p${number.toString().padStart(4, '0')}`,
      startTime: number,
      endTime: number + 2,
      frequencyRange: { low: 100 * number, high: 100 * number + 250 },
      confidence: (number % 10) / 10,
      type: number % 2 === 0 ? 'even' : 'odd',
      features: more.features ?? direction(number),
    },
    metadata: {
      sourceId: `microphone-${number % 3}`,
      createdAt: 1_000_000 + 1000 * Math.floor(number / 2),
      tags: number % 4 === 0 ? ['four', 'all'] : ['all'],
      ...(number % 5 === 0 ? { label: 'bell' } : {}),
      ...(number % 7 === 3 ? { notLabel: number % 2 === 0 ? 'horn' : ['bell', 'horn'] } : {}),
    },
  };
}

export function ids(patterns: { pattern: { id: string } }[]): string[] {
  return patterns.map((one) => one.pattern.id);
}

export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}
