import { checkEncoder } from './checked-pattern.ts';
import { checkCount } from './checked-query.ts';
import type { DistanceMetric, FeatureStorageOptions } from './options.ts';
import { StorageError } from './storage-error.ts';

/** Options with their defaults. `dimensions` and `distanceMetric` stay open until the memory is. */
export type CheckedOptions = Omit<FeatureStorageOptions, 'saveEvery'> &
  Required<
    Pick<FeatureStorageOptions, 'persistIndexOnDisk' | 'maxQueryResults' | 'clipBudgetBytes' | 'readOnly'>
  > & {
    saveEvery: { changes: number; milliseconds: number };
  };

const metrics: readonly DistanceMetric[] = ['cosine', 'euclidean', 'dot'];

export function checkOptions(options: FeatureStorageOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'must be an object with an indexPath');
  const { indexPath, root, distanceMetric, similarityThreshold, encoder, onHealthEvent } = options;
  if (!isPath(indexPath)) throw invalid('indexPath', 'must be the path of a folder');
  if (root !== undefined && !isPath(root)) throw invalid('root', 'must be the path of a folder');
  if (distanceMetric !== undefined && !metrics.includes(distanceMetric)) {
    throw invalid('distanceMetric', `must be one of ${metrics.join(', ')}`);
  }
  if (similarityThreshold !== undefined) checkThreshold(similarityThreshold);
  if (onHealthEvent !== undefined && typeof onHealthEvent !== 'function')
    throw invalid('onHealthEvent', 'must be a function');
  whole('dimensions', options.dimensions, 1, 4096);
  whole('maxPatterns', options.maxPatterns, 1, 4_000_000_000);
  whole('maxAge', options.maxAge, 1000, Number.MAX_SAFE_INTEGER);
  return {
    ...options,
    ...(encoder === undefined ? {} : { encoder: checkEncoder('encoder', encoder) }),
    persistIndexOnDisk: flag('persistIndexOnDisk', options.persistIndexOnDisk, true),
    readOnly: flag('readOnly', options.readOnly, false),
    maxQueryResults: whole('maxQueryResults', options.maxQueryResults, 1, 100_000) ?? 100,
    clipBudgetBytes:
      options.clipBudgetBytes === undefined
        ? 256 * 1024 * 1024
        : checkCount('clipBudgetBytes', options.clipBudgetBytes, Number.MAX_SAFE_INTEGER),
    saveEvery: {
      changes: whole('saveEvery.changes', options.saveEvery?.changes, 1, Number.MAX_SAFE_INTEGER) ?? 10_000,
      milliseconds:
        whole('saveEvery.milliseconds', options.saveEvery?.milliseconds, 100, 2_000_000_000) ?? 600_000,
    },
  };
}

export function checkThreshold(value: unknown): number {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw invalid('similarityThreshold', 'must be a number');
  return value;
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length < 4096 && !value.includes('\0');
}

function flag(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') throw invalid(name, 'must be true or false');
  return value;
}

function whole(name: string, value: number | undefined, lowest: number, highest: number): number | undefined {
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || value < lowest || value > highest) {
    throw invalid(name, `must be a whole number from ${lowest} to ${highest}`);
  }
  return value;
}

function invalid(name: string, what: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `${name} ${what}.`);
}
