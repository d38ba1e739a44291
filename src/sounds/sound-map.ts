import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Subscription } from 'rxjs';
import type { FeatureStorage } from '../storage/index.ts';
import { Catalogue } from './catalogue.ts';
import type { MapAnswer, MapRequest } from './map-messages.ts';
import type { MapProgress } from './map-progress.ts';
import { random } from './random.ts';
import { SoundError } from './sound-error.ts';
import type { RowSuggestions } from './suggestions.ts';

/** What the map needs of a memory. */
export type MappedMemory = Pick<
  FeatureStorage,
  'iteratePatterns' | 'getPatternById' | 'watch' | 'countPatterns'
>;

/** A sample beyond this adds nothing to the picture. */
const sampleSize = 1500;
const batchSize = 256;
/** Patterns that are read before other work of the process gets its turn. */
const readAtOnce = 100;
/** A Raspberry Pi lays a full sample out in half a minute. */
const workerDeadline = 180_000;
const settleTime = 200;
/** Newest first; the cost of suggestions grows with the square of both. */
const suggestUnlabelled = 2000;
const suggestLabelled = 2000;
const suggestPerLabel = 100;

/**
 * The memory's sounds as rows and, computed in a worker thread, as points in the plane. It reads the memory
 * once, then follows its changes; a new sound is placed among those that are there, so the map stays as people know it.
 */
export class SoundMap {
  readonly catalogue = new Catalogue();
  /** Grows with every change that is worth drawing again. */
  revision = 0;
  readonly #memory: MappedMemory;
  readonly #threshold: number;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(answer: MapAnswer): void; reject(error: Error): void }>();
  readonly #changes: Subscription;
  /** Ids that have no place yet. */
  readonly #unplaced = new Set<string>();
  /** Ids deleted while the memory is being read: the reader may still come across them. */
  readonly #deleted = new Set<string>();
  #requests = 0;
  #arrangedFrom = 0;
  #progress: MapProgress = { phase: 'reading', done: 0, total: 0 };
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void>;
  #closed = false;

  constructor(memory: MappedMemory, threshold: number) {
    this.#memory = memory;
    this.#threshold = threshold;
    const file = import.meta.url.endsWith('.ts') ? './map-worker.ts' : './map-worker.js';
    this.#worker = new Worker(new URL(file, import.meta.url));
    this.#worker.unref();
    this.#worker.on('message', (answer: MapAnswer) => this.#waiting.get(answer.request)?.resolve(answer));
    this.#worker.on('error', (error) => this.#fail(error as Error));
    this.#changes = memory.watch().subscribe({
      next: (change) => {
        if (change.kind === 'deleted') {
          this.catalogue.remove(change.id);
          this.#unplaced.delete(change.id);
          if (this.#progress.phase !== 'ready') this.#deleted.add(change.id);
        } else {
          this.#deleted.delete(change.id);
          this.catalogue.put(change.stored);
          this.#unplaced.add(change.id);
        }
        this.revision++;
        this.#settle();
      },
      error: (error: Error) => this.#fail(error),
    });
    this.#work = this.#arrange();
    this.#work.catch((error: Error) => this.#fail(error));
  }

  get progress(): MapProgress {
    return this.#progress;
  }

  /** Resolves when the map is ready or has failed. */
  async settled(): Promise<void> {
    await this.#work.catch(() => undefined);
  }

  /** @throws SoundError NOT_READY until the map is ready, CLOSED */
  async suggestions(): Promise<RowSuggestions> {
    const { labelled, labels } = this.#labelledRows();
    const unlabelled = this.catalogue.newest(
      suggestUnlabelled,
      (row) => this.#has(row) && this.catalogue.labelOf(row) < 0,
    );
    const answer = await this.#ask({
      kind: 'suggest',
      unlabelled: Uint32Array.from(unlabelled),
      labelled,
      labels,
      threshold: this.#threshold,
    });
    return (answer as MapAnswer & { kind: 'suggestions' }).suggestions;
  }

  /** For each row the rows of labelled sounds most like it, of three labels at most. @throws SoundError NOT_READY, CLOSED */
  async nearestLabelled(rows: number[]): Promise<number[][]> {
    const known = rows.map((row) => (this.#has(row) ? row : undefined));
    const asked = Uint32Array.from(known.filter((row) => row !== undefined));
    const answer = await this.#ask({ kind: 'nearest', rows: asked, ...this.#labelledRows() });
    const { nearest } = answer as MapAnswer & { kind: 'nearest' };
    let next = 0;
    return known.map((row) => (row === undefined ? [] : (nearest[next++] ?? [])));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#changes.unsubscribe();
    const error = new SoundError('CLOSED', 'The memory was closed.');
    for (const { reject } of this.#waiting.values()) reject(error);
    await this.#worker.terminate();
    await this.settled();
  }

  /** Whether the row is there and the worker knows its sketch. */
  #has(row: number): boolean {
    return this.catalogue.idOf(row) !== undefined && !Number.isNaN(this.catalogue.position(row)[0]);
  }

  #labelledRows(): { labelled: Uint32Array; labels: Uint32Array } {
    const perLabel = new Map<number, number>();
    const rows = this.catalogue.newest(suggestLabelled, (row) => {
      const label = this.catalogue.labelOf(row);
      if (label < 0 || !this.#has(row)) return false;
      const count = (perLabel.get(label) ?? 0) + 1;
      perLabel.set(label, count);
      return count <= suggestPerLabel;
    });
    return {
      labelled: Uint32Array.from(rows),
      labels: Uint32Array.from(rows, (row) => this.catalogue.labelOf(row)),
    };
  }

  /** Reads everything, lays a sample out, places the rest. */
  async #arrange(): Promise<void> {
    const total = await this.#memory.countPatterns();
    this.#advance({ phase: 'reading', done: 0, total });
    const sample = await this.#read(total);
    if (sample.length > 0) {
      const dimensions = (sample[0] as Float32Array).length;
      const vectors = new Float32Array(sample.length * dimensions);
      for (const [i, vector] of sample.entries()) vectors.set(vector, i * dimensions);
      this.#advance({ phase: 'arranging', done: 0, total });
      await this.#ask({ kind: 'arrange', vectors, dimensions }, [vectors.buffer]);
      this.#arrangedFrom = sample.length;
      await this.#placeAll(total);
    }
    this.#deleted.clear();
    this.#advance({ phase: 'ready', done: this.catalogue.size, total: this.catalogue.size });
    this.#settle();
  }

  /** The first pass: rows and labels of all sounds, and a fair sample of their vectors. */
  async #read(total: number): Promise<Float32Array[]> {
    const sample: Float32Array[] = [];
    const next = random(11);
    let done = 0;
    for await (const stored of this.#memory.iteratePatterns({ sortBy: 'createdAt', sortDirection: 'asc' })) {
      if (this.#closed) throw new SoundError('CLOSED', 'The memory was closed.');
      const { id } = stored.pattern;
      if (!this.#deleted.has(id)) {
        // What changed since it was read is known already. Its times would not tell: a clock may be set back.
        if (!this.#unplaced.has(id)) this.catalogue.put(stored);
        if (sample.length < sampleSize) sample.push(stored.pattern.features);
        else {
          const slot = Math.floor(next() * (done + 1));
          if (slot < sampleSize) sample[slot] = stored.pattern.features;
        }
      }
      if (++done % readAtOnce === 0) {
        this.#advance({ phase: 'reading', done, total: Math.max(done, total) });
        await nextTurn();
      }
    }
    return sample;
  }

  async #placeAll(total: number): Promise<void> {
    let rows: number[] = [];
    let vectors: Float32Array[] = [];
    let done = 0;
    for await (const { pattern } of this.#memory.iteratePatterns({
      sortBy: 'createdAt',
      sortDirection: 'asc',
    })) {
      if (this.#closed) throw new SoundError('CLOSED', 'The memory was closed.');
      const row = this.catalogue.rowOf(pattern.id);
      if (row !== undefined) {
        rows.push(row);
        vectors.push(pattern.features);
        this.#unplaced.delete(pattern.id);
      }
      if (rows.length < batchSize) continue;
      await this.#place(rows, vectors);
      done += rows.length;
      rows = [];
      vectors = [];
      this.#advance({ phase: 'placing', done, total: Math.max(done, total) });
    }
    await this.#place(rows, vectors);
  }

  async #place(rows: number[], features: Float32Array[]): Promise<void> {
    if (rows.length === 0) return;
    const dimensions = (features[0] as Float32Array).length;
    const vectors = new Float32Array(rows.length * dimensions);
    for (const [i, vector] of features.entries()) vectors.set(vector, i * dimensions);
    const answer = await this.#ask({ kind: 'place', rows: Uint32Array.from(rows), vectors }, [
      vectors.buffer,
    ]);
    const { positions } = answer as MapAnswer & { kind: 'placed' };
    rows.forEach((row, i) => {
      this.catalogue.place(row, positions[2 * i] as number, positions[2 * i + 1] as number);
    });
  }

  /** Places what arrived, a little later so that sounds of a burst go together. */
  #settle(): void {
    if (this.#timer || this.#closed || this.#progress.phase !== 'ready' || this.#unplaced.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#work = this.#follow();
      this.#work.catch((error: Error) => this.#fail(error));
    }, settleTime);
    this.#timer.unref();
  }

  async #follow(): Promise<void> {
    // A small memory that doubled is laid out anew: what was arranged from ten sounds says little about twenty.
    if (this.catalogue.size >= 2 * this.#arrangedFrom && this.#arrangedFrom < sampleSize) {
      this.#unplaced.clear();
      await this.#arrange();
      return;
    }
    const ids = [...this.#unplaced].slice(0, batchSize);
    for (const id of ids) this.#unplaced.delete(id);
    const found = await Promise.all(ids.map((id) => this.#memory.getPatternById(id)));
    const rows: number[] = [];
    const vectors: Float32Array[] = [];
    for (const stored of found) {
      const row = stored && this.catalogue.rowOf(stored.pattern.id);
      if (!stored || row === undefined) continue;
      rows.push(row);
      vectors.push(stored.pattern.features);
    }
    await this.#place(rows, vectors);
    this.revision++;
    this.#settle();
  }

  #advance(progress: MapProgress): void {
    this.#progress = progress;
    this.revision++;
  }

  #ask(message: DistributedOmit<MapRequest, 'request'>, transfer: ArrayBuffer[] = []): Promise<MapAnswer> {
    if (this.#closed) return Promise.reject(new SoundError('CLOSED', 'The memory was closed.'));
    if (this.#arrangedFrom === 0 && message.kind !== 'arrange' && message.kind !== 'place') {
      return Promise.reject(new SoundError('NOT_READY', 'The memory is still being looked through.'));
    }
    const request = ++this.#requests;
    const { promise, resolve, reject } = Promise.withResolvers<MapAnswer>();
    const timer = setTimeout(() => {
      reject(new SoundError('NOT_READY', 'The map takes too long on this machine.'));
    }, workerDeadline);
    timer.unref();
    this.#waiting.set(request, { resolve, reject });
    this.#worker.postMessage({ ...message, request }, transfer);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(request);
    });
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#advance({ phase: 'failed', done: 0, total: 0, problem: error.message, failedAt: Date.now() });
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

/** `Omit` for each member of a union. */
type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
