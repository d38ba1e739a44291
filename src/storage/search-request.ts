import type { SearchPlan } from './feature-storage.ts';
import type { DistanceMetric } from './options.ts';

/** Where a saved graph lies and what it holds. Written beside it, and verified before a byte of it is loaded. */
export interface GraphSidecar {
  format: 'earmark-graph.v1';
  /** The memory that it belongs to. */
  memory: string;
  /** The graph's file name in the memory's folder. */
  file: string;
  bytes: number;
  crc32: number;
  dimensions: number;
  distanceMetric: DistanceMetric;
  count: number;
  /** It holds all that was stored up to this transaction. */
  sequence: number;
}

export type SearchRequest =
  | {
      kind: 'open';
      folder: string;
      memory: string;
      dimensions: number;
      distanceMetric: DistanceMetric;
      /** Whether a saved graph may be looked for. */
      persisted: boolean;
      readOnly: boolean;
    }
  | {
      kind: 'search';
      features: Float32Array;
      count: number;
      /** Slots that meet the criteria. */
      candidates?: Uint32Array;
    }
  /** Patterns that went to disk; the records lie packed as in a put reply. */
  | {
      kind: 'stored';
      sequence: number;
      records: Uint8Array<ArrayBuffer>;
      offsets: Float64Array;
      lengths: Uint32Array;
      slots: Uint32Array;
    }
  /** Slots that another process or a removal changed: to be read again. */
  | { kind: 'changed'; sequence: number; slots: Uint32Array }
  /** A new graph, just written by this process. */
  | { kind: 'graph'; sidecar: GraphSidecar }
  /** A graph that another process may have saved. */
  | { kind: 'saved-graph' }
  | { kind: 'verify' }
  | { kind: 'state' }
  | { kind: 'close' };

export interface SearchState {
  /** Patterns that the graph knows; absent without a graph. */
  graph?: number;
  /** Patterns that it does not know yet. */
  recent: number;
}

export interface SearchOpenReply {
  /** The last transaction when it began to read; of later ones it must be told. */
  sequence: number;
  /** The graph that is in use, if any. */
  sidecar?: GraphSidecar;
  /** Patterns that it does not know yet. */
  recent?: number;
  /** Why a saved one is not. */
  refused?: string;
}

export interface SearchReply {
  /** Slots and similarities; those as alike as the last one may make it longer than asked. */
  slots: Uint32Array<ArrayBuffer>;
  similarities: Float64Array<ArrayBuffer>;
  plan: Omit<SearchPlan, 'total' | 'candidates'>;
}
