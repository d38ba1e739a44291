import type { FeatureStorage } from '../storage/feature-storage.ts';

/** What the pipelines need of a memory; `FeatureStorage` is one. Each operator takes the part that it uses. */
export type FeatureMemory = Pick<FeatureStorage, 'storePatterns' | 'findSimilarPatterns' | 'queryPatterns'>;
