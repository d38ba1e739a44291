export type {
  FeatureStorage,
  ImportReport,
  LongOperationOptions,
  NewPattern,
  NewPatternMetadata,
  NewStoredPattern,
  PatternChange,
  PatternPage,
  PatternUpdate,
  Progress,
  SearchPlan,
  SimilarityOptions,
  SimilarPattern,
  SimilarPatterns,
  StorageStats,
  VerifyReport,
} from './feature-storage.ts';
export type { StorageHealthEvent } from './health-event.ts';
export type { DistanceMetric, FeatureStorageOptions, SaveFrequency } from './options.ts';
export { StorageError, type StorageErrorCode } from './storage-error.ts';

import type { FeatureStorage } from './feature-storage.ts';
import { LmdbFeatureStorage } from './lmdb-feature-storage.ts';
import type { FeatureStorageOptions } from './options.ts';

/** A memory in `options.indexPath`. Throws a `StorageError` when the options are wrong; opens nothing yet. */
export function createFeatureStorage(options: FeatureStorageOptions): FeatureStorage {
  return new LmdbFeatureStorage(options);
}
