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
import type { FeatureStorageOptions } from './options.ts';
import { StorageError } from './storage-error.ts';

export function createFeatureStorage(_options: FeatureStorageOptions): FeatureStorage {
  throw new StorageError('INTERNAL', 'The storage is being built.');
}
