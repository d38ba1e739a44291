import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { EncoderIdentity } from '../pattern.ts';
import { memoryFiles } from './memory-path.ts';
import type { DistanceMetric } from './options.ts';
import { readRecordHead, vectorOffset } from './record.ts';
import { StorageError, toStorageError } from './storage-error.ts';

/** What the memory is for; written once, when it is made. */
export interface MemoryIdentity {
  format: 'earmark-memory.v1';
  /** Random; a cache that names another one is not this memory's. */
  memory: string;
  dimensions: number;
  distanceMetric: DistanceMetric;
  encoder?: EncoderIdentity;
}

/** Counters that change with every transaction. */
export interface MemoryState {
  /** Number of the last transaction. */
  sequence: number;
  /** Slots ever used; those below it without a record are free. */
  slots: number;
  /** The change log holds every transaction from this one on. */
  logStart: number;
  clips: { count: number; bytes: number; order: number };
}

export const emptyState: MemoryState = {
  sequence: 0,
  slots: 0,
  logStart: 1,
  clips: { count: 0, bytes: 0, order: 0 },
};

/** Enough address space that the map never has to move under a reader; Windows would allocate it on disk. */
const mapSize = process.platform === 'win32' || process.arch === 'arm' ? undefined : 2 ** 38;

/**
 * The truth on disk: an LMDB environment that each thread opens for itself and that one thread writes.
 *
 * A pattern lives in a slot, a small whole number that is its key everywhere: record, clip, column row and graph.
 * Slots of deleted patterns are used again.
 */
export class FeatureVectorDatabase {
  readonly root: RootDatabase;
  /** slot → record */
  readonly patterns: Database<Uint8Array, number>;
  /** UTF-8 bytes of the id → slot as u32 */
  readonly ids: Database<Uint8Array, Uint8Array>;
  /** slot → nothing */
  readonly free: Database<Uint8Array, number>;
  /** transaction → slots that it changed, as u32 */
  readonly changes: Database<Uint8Array, number>;
  /** slot → place in `clipOrder` as f64, then the clip */
  readonly clips: Database<Uint8Array, number>;
  /** place → slot and bytes of the clip, as u32 */
  readonly clipOrder: Database<Uint8Array, number>;
  /** name → CRC-32 in hex, then JSON */
  readonly #meta: Database<string, string>;

  constructor(folder: string, options: { readOnly: boolean }) {
    const file = path.join(folder, memoryFiles.patterns);
    try {
      if (!options.readOnly) {
        // Never opened when it is there: closing any descriptor of the lock file drops this process's locks on it,
        // and other processes would take its readers for dead.
        for (const name of [memoryFiles.patterns, memoryFiles.patternsLock]) {
          const made = path.join(folder, name);
          if (!existsSync(made)) closeSync(openSync(made, 'a', 0o600));
        }
      }
      this.root = open({
        path: file,
        noSubdir: true,
        readOnly: options.readOnly,
        maxDbs: 8,
        // Also for a lock file that a reader makes. Absent from LMDB's types.
        ...{ permissionsMode: 0o600 },
        // Commits are made by a thread of its own and are on disk when they return.
        overlappingSync: false,
        ...(mapSize === undefined ? {} : { mapSize }),
      });
      const slotKeyed = { encoding: 'binary', keyEncoding: 'uint32' } as const;
      this.patterns = this.root.openDB({ name: 'patterns', ...slotKeyed });
      this.ids = this.root.openDB({ name: 'ids', encoding: 'binary', keyEncoding: 'binary' });
      this.free = this.root.openDB({ name: 'free', ...slotKeyed });
      this.changes = this.root.openDB({ name: 'changes', ...slotKeyed });
      this.clips = this.root.openDB({ name: 'clips', ...slotKeyed });
      this.clipOrder = this.root.openDB({ name: 'clipOrder', ...slotKeyed });
      this.#meta = this.root.openDB({ name: 'meta', encoding: 'string' });
    } catch (error) {
      throw toStorageError(error, `Opening "${file}"`);
    }
  }

  /** Makes later reads see what other threads and processes committed up to now. */
  refresh(): void {
    this.root.resetReadTxn();
  }

  /** The record's bytes, valid until the next read. */
  record(slot: number): Uint8Array | undefined {
    const found = this.patterns.getBinaryFast(slot) as Buffer | undefined;
    // The buffer is a window on a larger one; `length` is the record's, `byteLength` is not.
    return found && new Uint8Array(found.buffer, found.byteOffset, found.length);
  }

  /** The transaction that wrote the slot's record. */
  sequenceOf(slot: number): number | undefined {
    const record = this.record(slot);
    return record === undefined || record.length < vectorOffset ? undefined : readRecordHead(record).sequence;
  }

  slotOf(id: string): number | undefined {
    const found = this.ids.getBinaryFast(Buffer.from(id)) as Buffer | undefined;
    return found?.readUInt32LE(0);
  }

  clip(slot: number): Uint8Array | undefined {
    const found = this.clips.get(slot);
    return found && new Uint8Array(found.subarray(8));
  }

  state(): MemoryState {
    return (this.#value('state') as MemoryState | undefined) ?? emptyState;
  }

  identity(): MemoryIdentity | undefined {
    return this.#value('identity') as MemoryIdentity | undefined;
  }

  writerLock(): unknown {
    return this.#value('writer');
  }

  /** Like the other two below, within a write transaction. */
  setState(state: MemoryState): void {
    this.#setValue('state', state);
  }

  setIdentity(identity: MemoryIdentity): void {
    this.#setValue('identity', identity);
  }

  setWriterLock(holder: unknown): void {
    if (holder === undefined) this.#meta.removeSync('writer');
    else this.#setValue('writer', holder);
  }

  #value(name: string): unknown {
    const sealed = this.#meta.get(name);
    if (sealed === undefined) return undefined;
    if (sealed.slice(0, 8) !== seal(sealed.slice(8))) {
      throw new StorageError(
        'CORRUPT',
        `The memory's ${name} is damaged: restore the memory from a backup, or delete its folder to begin anew.`,
      );
    }
    return JSON.parse(sealed.slice(8));
  }

  #setValue(name: string, value: unknown): void {
    const json = JSON.stringify(value);
    this.#meta.putSync(name, seal(json) + json);
  }

  /** Slots changed by transactions after `sequence`, or undefined when the log does not reach back so far. */
  *changedSince(sequence: number): Iterable<{ sequence: number; slots: Uint32Array }> {
    for (const { key, value } of this.changes.getRange({ start: sequence + 1 })) {
      yield { sequence: key, slots: new Uint32Array(new Uint8Array(value).buffer) };
    }
  }

  /** The slots that transactions after `sequence` changed; all, where the change log does not reach back so far. */
  slotsChangedSince(sequence: number): Set<number> {
    const changed = new Set<number>();
    if (!this.remembersSince(sequence)) {
      for (let slot = 0; slot < this.state().slots; slot++) changed.add(slot);
      return changed;
    }
    for (const { slots } of this.changedSince(sequence)) for (const slot of slots) changed.add(slot);
    return changed;
  }

  /** Whether the change log tells all that happened after `sequence`. */
  remembersSince(sequence: number): boolean {
    const state = this.state();
    return sequence <= state.sequence && sequence + 1 >= state.logStart;
  }

  close(): Promise<void> {
    return this.root.close();
  }
}

function seal(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}
