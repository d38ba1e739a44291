import type { BenchData, Filter } from './bench-data.ts';

/** A store that the benchmark can hold against Earmark's. Steps that it cannot do answer undefined. */
export interface Contender {
  name: string;
  open(folder: string, data: BenchData): Promise<void>;
  /** Stores rows `from` to `to` durably. */
  ingest(data: BenchData, from: number, to: number): Promise<void>;
  /** Whatever else is needed before searches are fast. */
  settle(): Promise<void>;
  /** Stores one row so that it is on disk and can be found. */
  put(data: BenchData, row: number): Promise<void>;
  similar(query: Float32Array, count: number): Promise<string[]>;
  filtered?(query: Float32Array, count: number, filter: Filter): Promise<string[]>;
  /** The newest 100 of a type. */
  criteria?(type: string): Promise<unknown[]>;
  close(): Promise<void>;
  reopen(folder: string, data: BenchData): Promise<void>;
  /** Deletes what can be made again from the rest, opens, and resolves when it is made. */
  rebuild?(folder: string): Promise<void>;
}
