import type { Pattern, PatternMetadata, PatternQuery, StoredPattern } from '../pattern.ts';

/** A stored pattern with how alike it is, 1 for the same vector. */
export type SimilarPattern = StoredPattern & { similarity: number };

export interface SimilarOptions {
  /** Neighbours less alike are left out. Default: the memory's. */
  similarityThreshold?: number;
  /** Default: the memory's `maxQueryResults`. */
  maxResults?: number;
  /** Only patterns that match are looked at. */
  where?: PatternQuery;
}

/** What is to be stored of a sound. */
export interface NewPattern {
  pattern: Pattern;
  metadata: Partial<PatternMetadata> & { sourceId: string };
  /** The sound itself as a WAV file, kept beside the pattern. */
  clip?: Uint8Array;
}

/** What the pipelines need of a memory; `FeatureStorage` is one. Each operator takes the part it uses. */
export interface FeatureMemory {
  storePatterns(patterns: readonly NewPattern[]): Promise<string[]>;
  findSimilarPatterns(features: Float32Array, options?: SimilarOptions): Promise<SimilarPattern[]>;
  queryPatterns(query?: PatternQuery): Promise<StoredPattern[]>;
}
