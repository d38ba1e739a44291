import type { Observable } from 'rxjs';
import type { EncoderIdentity, Pattern, PatternMetadata, PatternQuery, StoredPattern } from '../pattern.ts';
import type { DistanceMetric } from './options.ts';

/** A pattern to store. Without an id it gets a random one; with the id of a stored pattern it replaces it. */
export type NewPattern = Omit<Pattern, 'id'> & { id?: string };

/** Metadata to store; `createdAt` and `lastModified` are set when absent. */
export type NewPatternMetadata = Partial<PatternMetadata> & Pick<PatternMetadata, 'sourceId'>;

/** One pattern of a batch. */
export interface NewStoredPattern {
  pattern: NewPattern;
  metadata: NewPatternMetadata;
  /** Encoded audio of the pattern, 1 byte to 16 MiB. */
  clip?: Uint8Array;
}

/** What to change of a stored pattern; all else stays. */
export interface PatternUpdate {
  /** Fields to replace. */
  pattern?: Partial<Omit<Pattern, 'id'>>;
  /** Fields to replace; `undefined` removes one. */
  metadata?: Partial<PatternMetadata>;
}

/** `similarity`'s range depends on the metric: see `DistanceMetric`. */
export type SimilarPattern = StoredPattern & { similarity: number };

/** How a similarity search is bounded. All fields have defaults. */
export interface SimilarityOptions {
  /** Leaves out what is less alike than this. @default the memory's `similarityThreshold` */
  similarityThreshold?: number;
  /** Whole number >= 0. @default the memory's `maxQueryResults` */
  maxResults?: number;
  /** Only patterns that meet these criteria. Its `sortBy`, `sortDirection` and `limit` are not used. */
  where?: PatternQuery;
  /** The encoder that made the features, when known; another one than the memory's is refused. */
  encoder?: EncoderIdentity;
  /** Whether the answer carries its `plan`. @default false */
  explain?: boolean;
}

/** How a similarity search was answered. */
export interface SearchPlan {
  /**
   * - `scan`: every candidate was compared (`exact` is true).
   * - `graph`: the graph proposed, float32 vectors decided.
   * - `filtered-graph`: as `graph`, and far more proposals than needed met the criteria.
   */
  kind: 'scan' | 'graph' | 'filtered-graph';
  /** Whether the answer is certainly the true one. */
  exact: boolean;
  /** Patterns that meet the criteria; all patterns without criteria. */
  candidates: number;
  /** Patterns in the memory. */
  total: number;
  /** Patterns that the graph does not know yet and that were compared one by one. */
  recent: number;
  /** Candidates compared by their float32 vectors. */
  rescored: number;
  milliseconds: number;
}

/** Most alike first. */
export type SimilarPatterns = SimilarPattern[] & { plan?: SearchPlan };

/** A piece of a long answer. */
export interface PatternPage {
  patterns: StoredPattern[];
  /** Give it to the next call. Absent on the last page. */
  cursor?: string;
}

/** What `watch` tells. */
export type PatternChange =
  | { kind: 'stored' | 'updated'; id: string; stored: StoredPattern }
  | { kind: 'deleted'; id: string };

/** What lies in the memory, and how much room it takes. */
export interface StorageStats {
  patterns: number;
  dimensions: number;
  distanceMetric: DistanceMetric;
  encoder?: EncoderIdentity;
  /** Patterns per type, source, label and tag. */
  types: Record<string, number>;
  sources: Record<string, number>;
  labels: Record<string, number>;
  tags: Record<string, number>;
  clips: { count: number; bytes: number; budgetBytes: number };
  /** Bytes on disk by purpose. */
  disk: { patterns: number; caches: number };
  /** `none`: too few patterns for a graph; `building`: queries are answered exactly meanwhile. */
  graph: { state: 'none' | 'building' | 'ready'; patterns: number; recent: number };
  /** Number of the last transaction. */
  transaction: number;
}

/** What `verify` found. */
export interface VerifyReport {
  ok: boolean;
  checked: number;
  /** What is wrong, the first 1000 findings. */
  problems: { id?: string; message: string }[];
}

/** Progress of a long operation. `total` is absent when it is not known. */
export interface Progress {
  done: number;
  total?: number;
}

/** How an operation that may take minutes is followed and stopped. */
export interface LongOperationOptions {
  signal?: AbortSignal;
  /** Called now and then, and at the end. */
  onProgress?: (progress: Progress) => void;
}

/** What an import did. */
export interface ImportReport {
  stored: number;
}

/** A memory of patterns on disk. Every method rejects with a `StorageError`. */
export interface FeatureStorage extends AsyncDisposable {
  /** Opens the memory. Call it once, before everything else. */
  initialize(): Promise<void>;

  /** Resolves with the id once the pattern is on disk and can be found. */
  storePattern(
    pattern: NewPattern,
    metadata: NewPatternMetadata,
    options?: { clip?: Uint8Array },
  ): Promise<string>;
  /** All or none, at most 50000 at once. */
  storePatterns(patterns: NewStoredPattern[]): Promise<string[]>;
  updatePattern(id: string, update: PatternUpdate): Promise<StoredPattern>;
  /** Resolves with whether there was one. */
  deletePattern(id: string): Promise<boolean>;
  /**
   * Deletes what the query matches (its `limit` first ones when it has one) and resolves with their number. More than
   * 10000 go in several transactions; what changes meanwhile stays.
   */
  deletePatterns(query: PatternQuery): Promise<number>;

  getPatternById(id: string): Promise<StoredPattern | undefined>;
  getClip(id: string): Promise<Uint8Array | undefined>;
  queryPatterns(query?: PatternQuery): Promise<StoredPattern[]>;
  /** Ignores the query's `limit`. */
  countPatterns(query?: PatternQuery): Promise<number>;
  /** `limit` is the page's size. Keep the other criteria unchanged from page to page. */
  pagePatterns(query?: PatternQuery, options?: { cursor?: string }): Promise<PatternPage>;
  /** All matches in order, or the first `limit`. What changes meanwhile may or may not be seen. */
  iteratePatterns(query?: PatternQuery): AsyncIterable<StoredPattern>;
  /** Changes from now on. A pattern that an update takes out of the query is told as `deleted`. */
  watch(query?: PatternQuery): Observable<PatternChange>;

  findSimilarPatterns(features: Float32Array, options?: SimilarityOptions): Promise<SimilarPatterns>;

  stats(): Promise<StorageStats>;
  /** Reads everything and compares it. */
  verify(options?: LongOperationOptions): Promise<VerifyReport>;
  /** Copies the memory, while in use, to a new folder, which can then be opened as a memory. */
  backup(path: string, options?: LongOperationOptions): Promise<void>;
  /** One line of JSON per pattern, vectors and clips in base64. */
  exportPatterns(options?: LongOperationOptions): AsyncIterable<string>;
  /** Stores such lines; existing ids are replaced. Stops with an error at the first bad line. */
  importPatterns(
    lines: AsyncIterable<string> | Iterable<string>,
    options?: LongOperationOptions,
  ): Promise<ImportReport>;

  /** Resolves when all that was stored before is on disk, graph and columns included. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
