import type { EncoderIdentity } from '../pattern.ts';
import type { StorageHealthEvent } from './health-event.ts';

/**
 * How alike two vectors are is always given as a `similarity`: higher is more alike, ties are broken by id.
 *
 * - `cosine`: the cosine of the angle, -1 to 1. A vector of zeros has similarity 0 to everything.
 * - `euclidean`: `1 / (1 + distance)`, above 0 to 1; 1 means equal.
 * - `dot`: the inner product, unbounded.
 */
export type DistanceMetric = 'cosine' | 'euclidean' | 'dot';

/** How often the caches on disk (graph and columns) catch up with the truth. */
export interface SaveFrequency {
  /** After this many stored, changed or deleted patterns. Whole number >= 1. @default 10000 */
  changes?: number;
  /** After this many milliseconds with at least one change. Whole number >= 100. @default 600000 */
  milliseconds?: number;
}

/** What a memory is and how it keeps itself. All fields but `indexPath` have defaults. */
export interface FeatureStorageOptions {
  /** The folder that holds the memory; made when absent (0700, files 0600). */
  indexPath: string;
  /** When given, `indexPath` must lie inside this folder, symbolic links resolved. */
  root?: string;
  /** Length of every vector, 1 to 4096. @default what the memory was made with, or 768 */
  dimensions?: number;
  /** @default what the memory was made with, or 'cosine' */
  distanceMetric?: DistanceMetric;
  /**
   * Whether the graph and the columns are kept on disk to make the next start fast. Without it they are
   * built again on every start; the patterns themselves are always on disk. @default true
   */
  persistIndexOnDisk?: boolean;
  saveEvery?: SaveFrequency;
  /** Default lower bound for `findSimilarPatterns`. @default none */
  similarityThreshold?: number;
  /** Default `limit` of queries and `maxResults` of similarity searches, 1 to 100000. @default 100 */
  maxQueryResults?: number;
  /** When more are stored, the oldest (by `createdAt`) are forgotten. Whole number >= 1. @default none */
  maxPatterns?: number;
  /** Milliseconds after `createdAt` at which a pattern is forgotten, >= 1000. @default none */
  maxAge?: number;
  /**
   * Bytes of audio clips to keep. When more are stored, the clips stored longest ago are dropped; their
   * patterns stay. With 0 no clip is kept. @default 268435456 (256 MiB)
   */
  clipBudgetBytes?: number;
  /** Reads only; may be opened while another process writes, and sees its changes. @default false */
  readOnly?: boolean;
  /** The encoder whose vectors this memory is for. A memory that another one filled is refused. */
  encoder?: EncoderIdentity;
  /** Told about damage, repairs and background failures. Must not throw. */
  onHealthEvent?: (event: StorageHealthEvent) => void;
}
