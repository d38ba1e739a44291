import { defer, type Observable } from 'rxjs';
import type { PatternQuery, StoredPattern } from '../pattern.ts';
import { backupMemory } from './backup-memory.ts';
import { type CheckedOptions, checkOptions, checkThreshold } from './checked-options.ts';
import {
  type CheckedPattern,
  checkEncoder,
  checkFeatures,
  checkId,
  checkPattern,
} from './checked-pattern.ts';
import { type CheckedQuery, checkCount, checkQuery } from './checked-query.ts';
import { refuseOtherEncoder } from './encoder-mismatch.ts';
import type {
  FeatureStorage,
  ImportReport,
  LongOperationOptions,
  NewPattern,
  NewPatternMetadata,
  NewStoredPattern,
  PatternChange,
  PatternPage,
  PatternUpdate,
  SimilarityOptions,
  SimilarPattern,
  SimilarPatterns,
  StorageStats,
  VerifyReport,
} from './feature-storage.ts';
import { OpenMemory } from './open-memory.ts';
import type { FeatureStorageOptions } from './options.ts';
import { decodePatternLine, encodePatternLine } from './pattern-lines.ts';
import { SimilarityTo } from './similarity.ts';
import { StorageError, toStorageError } from './storage-error.ts';
import { refuseCancelled, verifyMemory } from './verify-memory.ts';

const largestBatch = 50_000;
const checkedAtOnce = 256;
const updateAttempts = 8;
/** Searches for one answer while others delete what is found. */
const mostLooks = 4;
const spareHits = 64;
const importedAtOnce = 200;
/** Signs of the lines whose patterns, with their clips, are in memory before they are stored. */
const importedSignsAtOnce = 16 * 1024 * 1024;

type State =
  | { kind: 'new' }
  | { kind: 'opening' }
  | { kind: 'open'; memory: OpenMemory }
  | { kind: 'closed'; closing: Promise<void> };

/** The memory on LMDB, usearch and columns. See docs/storage.md. */
export class LmdbFeatureStorage implements FeatureStorage {
  readonly #options: CheckedOptions;
  /** Calls that run; `close` waits for them. */
  readonly #running = new Set<Promise<unknown>>();
  #state: State = { kind: 'new' };

  constructor(options: FeatureStorageOptions) {
    this.#options = checkOptions(options);
  }

  async initialize(): Promise<void> {
    if (this.#state.kind === 'closed') throw closedError();
    if (this.#state.kind !== 'new')
      throw new StorageError('INVALID_ARGUMENT', 'initialize() was called already.');
    this.#state = { kind: 'opening' };
    try {
      this.#state = { kind: 'open', memory: await OpenMemory.open(this.#options) };
    } catch (error) {
      this.#state = { kind: 'new' };
      throw toStorageError(error, 'Opening the memory');
    }
  }

  async storePattern(
    pattern: NewPattern,
    metadata: NewPatternMetadata,
    options: { clip?: Uint8Array } = {},
  ): Promise<string> {
    const clip = options?.clip;
    const [id] = await this.storePatterns([
      clip === undefined ? { pattern, metadata } : { pattern, metadata, clip },
    ]);
    return id!;
  }

  storePatterns(patterns: NewStoredPattern[]): Promise<string[]> {
    return this.#run(async (memory) => {
      if (!Array.isArray(patterns) || patterns.length > largestBatch) {
        throw new StorageError(
          'INVALID_ARGUMENT',
          `storePatterns takes an array of at most ${largestBatch}: split it.`,
        );
      }
      return this.#put(patterns, memory, (i) => (patterns.length > 1 ? `patterns[${i}]: ` : ''));
    });
  }

  updatePattern(id: string, update: PatternUpdate): Promise<StoredPattern> {
    return this.#run(async (memory) => {
      memory.writer;
      checkId(id);
      if (typeof update !== 'object' || update === null) {
        throw new StorageError('INVALID_ARGUMENT', 'An update is an object {pattern?, metadata?}.');
      }
      for (let attempt = 1; ; attempt++) {
        const old = memory.repository.get(id);
        const slot = memory.database.slotOf(id);
        const expected = slot === undefined ? undefined : memory.database.sequenceOf(slot);
        if (expected === undefined || old === undefined)
          throw new StorageError('NOT_FOUND', `There is no pattern "${id}".`);
        const { lastModified: _, ...metadata } = old.metadata;
        const checking = this.#check(
          [
            {
              pattern: { ...old.pattern, ...update.pattern, id },
              metadata: { ...metadata, ...update.metadata } as NewPatternMetadata,
            },
          ],
          memory,
        );
        try {
          await memory.put(checking, { expected, keepVector: update.pattern?.features === undefined });
        } catch (error) {
          if ((error as StorageError).code === 'BUSY' && attempt < updateAttempts) continue;
          throw error;
        }
        const updated = memory.repository.get(id);
        if (updated === undefined) throw new StorageError('NOT_FOUND', `"${id}" was deleted meanwhile.`);
        return updated;
      }
    });
  }

  deletePattern(id: string): Promise<boolean> {
    return this.#run(async (memory) => (await memory.remove([checkId(id)], new Uint32Array(1))) > 0);
  }

  deletePatterns(query: PatternQuery): Promise<number> {
    return this.#run(async (memory) => {
      memory.writer;
      const checked = checkQuery(query);
      const { repository } = memory;
      const { sequence } = repository;
      const slots =
        checked.limit === undefined
          ? await repository.matching(checked)
          : await repository.ordered(checked, checked.limit);
      return slots.length === 0 ? 0 : memory.removeSlots(slots, sequence);
    });
  }

  getPatternById(id: string): Promise<StoredPattern | undefined> {
    return this.#run(async (memory) => {
      const checked = checkId(id);
      await memory.repository.breathe();
      return memory.repository.get(checked);
    });
  }

  getClip(id: string): Promise<Uint8Array | undefined> {
    return this.#run(async ({ database }) => {
      database.refresh();
      const slot = database.slotOf(checkId(id));
      return slot === undefined ? undefined : database.clip(slot);
    });
  }

  queryPatterns(query: PatternQuery = {}): Promise<StoredPattern[]> {
    return this.#run(async (memory) => {
      const checked = checkQuery(query);
      return memory.repository.query(checked, checked.limit ?? this.#options.maxQueryResults);
    });
  }

  countPatterns(query: PatternQuery = {}): Promise<number> {
    return this.#run(async (memory) => memory.repository.count(checkQuery(query)));
  }

  pagePatterns(query: PatternQuery = {}, options: { cursor?: string } = {}): Promise<PatternPage> {
    return this.#run(async (memory) => {
      const checked = checkQuery(query);
      const limit = checked.limit ?? this.#options.maxQueryResults;
      if (limit === 0) throw new StorageError('INVALID_ARGUMENT', 'A page needs a limit of at least 1.');
      return memory.repository.page(checked, Math.min(limit, 100_000), options.cursor);
    });
  }

  async *iteratePatterns(query: PatternQuery = {}): AsyncGenerator<StoredPattern> {
    const checked = checkQuery(query);
    const memory = this.#memory();
    await memory.follow();
    for await (const pattern of memory.repository.iterate(checked)) {
      yield pattern;
      this.#memory();
    }
  }

  watch(query: PatternQuery = {}): Observable<PatternChange> {
    const checked = checkQuery(query);
    return defer(() => this.#memory().feed.watch(checked));
  }

  findSimilarPatterns(features: Float32Array, options: SimilarityOptions = {}): Promise<SimilarPatterns> {
    return this.#run(async (memory) => {
      checkFeatures(features, memory.identity.dimensions);
      const count = checkCount('maxResults', options.maxResults ?? this.#options.maxQueryResults, 100_000);
      const threshold = checkThreshold(
        options.similarityThreshold ?? this.#options.similarityThreshold ?? -Infinity,
      );
      const where = options.where === undefined ? undefined : checkQuery(options.where);
      if (options.encoder !== undefined) {
        const { encoder } = memory.database.identity()!;
        const given = checkEncoder('encoder', options.encoder);
        if (encoder !== undefined) refuseOtherEncoder(encoder, given);
      }
      const vector = features.slice();
      const likeness = new SimilarityTo(memory.identity.distanceMetric, vector);
      await memory.repository.breathe();
      for (let looks = 1, asked = count; ; looks++) {
        const candidates = where && (await memory.repository.matching(where));
        const total = memory.repository.columns.count;
        const candidateCount = candidates?.length ?? total;
        const found = await memory.index.search(vector, asked, candidates);
        const slots = memory.repository.nearest(found, asked);
        const patterns: SimilarPatterns = await memory.repository.readMany(slots, (slot) =>
          this.#similar(memory, likeness, slot, where),
        );
        // What was deleted since it was found leaves its place to the next best. More are asked for, since the
        // searching thread hears of a deletion a little later than the records show it.
        if (patterns.length < Math.min(count, found.slots.length) && looks < mostLooks) {
          asked = 2 * count - patterns.length + spareHits;
          continue;
        }
        patterns.sort(byLikeness);
        const kept: SimilarPatterns = patterns
          .slice(0, count)
          .filter((pattern) => pattern.similarity >= threshold);
        if (options.explain) kept.plan = { ...found.plan, candidates: candidateCount, total };
        return kept;
      }
    });
  }

  stats(): Promise<StorageStats> {
    return this.#run((memory) => memory.stats());
  }

  verify(options: LongOperationOptions = {}): Promise<VerifyReport> {
    return this.#run((memory) => verifyMemory(memory, options));
  }

  backup(path: string, options: LongOperationOptions = {}): Promise<void> {
    return this.#run((memory) => {
      if (typeof path !== 'string' || path.length === 0 || path.includes('\0')) {
        throw new StorageError('INVALID_ARGUMENT', 'backup() takes the path of a new folder.');
      }
      return backupMemory(memory, path, options);
    });
  }

  async *exportPatterns(options: LongOperationOptions = {}): AsyncGenerator<string> {
    const memory = this.#memory();
    await memory.follow();
    const total = memory.repository.columns.count;
    let done = 0;
    for await (const stored of memory.repository.iterate(checkQuery({ sortBy: 'id' }))) {
      refuseCancelled(options.signal);
      this.#memory();
      const slot = memory.database.slotOf(stored.pattern.id);
      yield encodePatternLine(stored, slot === undefined ? undefined : memory.database.clip(slot));
      done += 1;
      if (done % importedAtOnce === 0) options.onProgress?.({ done, total });
    }
    options.onProgress?.({ done, total: done });
  }

  async importPatterns(
    lines: AsyncIterable<string> | Iterable<string>,
    options: LongOperationOptions = {},
  ): Promise<ImportReport> {
    let stored = 0;
    let number = 0;
    let signs = 0;
    let batch: { number: number; pattern: NewStoredPattern }[] = [];
    const store = async () => {
      const patterns = batch.map(({ pattern }) => pattern);
      const lineOf = (i: number) => `Line ${batch[i]!.number}: `;
      stored += (await this.#run((memory) => this.#put(patterns, memory, lineOf))).length;
      batch = [];
      signs = 0;
      options.onProgress?.({ done: stored });
    };
    this.#memory();
    for await (const line of lines) {
      refuseCancelled(options.signal);
      number += 1;
      if (typeof line === 'string' && line.trim() === '') continue;
      batch.push({ number, pattern: decodePatternLine(line, number) });
      signs += line.length;
      if (batch.length === importedAtOnce || signs >= importedSignsAtOnce) await store();
    }
    await store();
    return { stored };
  }

  flush(): Promise<void> {
    return this.#run((memory) => memory.flush());
  }

  async close(): Promise<void> {
    const state = this.#state;
    if (state.kind === 'closed') return state.closing;
    if (state.kind === 'opening')
      throw new StorageError('NOT_INITIALIZED', 'Wait for initialize() before close().');
    const closing = (async () => {
      if (state.kind !== 'open') return;
      await Promise.allSettled(this.#running);
      await state.memory.close();
    })();
    this.#state = { kind: 'closed', closing };
    return closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The pattern as it is now, with its own similarity: the slot may have changed since the search. */
  #similar(
    memory: OpenMemory,
    likeness: SimilarityTo,
    slot: number,
    where: CheckedQuery | undefined,
  ): SimilarPattern | undefined {
    const stored = memory.repository.readMatch(slot, where);
    if (stored === undefined) return undefined;
    return {
      ...stored,
      similarity: likeness.of(stored.pattern.features),
    };
  }

  async #put(
    patterns: NewStoredPattern[],
    memory: OpenMemory,
    place: (index: number) => string,
  ): Promise<string[]> {
    memory.writer;
    if (patterns.length === 0) return [];
    const checking = this.#check(patterns, memory, place);
    await memory.put(checking);
    return (await checking).map(({ pattern }) => pattern.id);
  }

  /** What is wrong with a pattern is told with its place among them. */
  async #check(
    patterns: NewStoredPattern[],
    memory: OpenMemory,
    place: (index: number) => string = () => '',
  ): Promise<CheckedPattern[]> {
    const checked: CheckedPattern[] = [];
    const now = Date.now();
    const budget = this.#options.clipBudgetBytes;
    const { dimensions } = memory.identity;
    // Vectors are copied into a room for many: a buffer for each would keep the garbage collector busy.
    let room = new Float32Array();
    for (let i = 0; i < patterns.length; i++) {
      if (i % checkedAtOnce === 0) {
        if (i > 0) await new Promise(setImmediate);
        room = new Float32Array(Math.min(checkedAtOnce, patterns.length - i) * dimensions);
      }
      const first = (i % checkedAtOnce) * dimensions;
      try {
        checked.push(checkPattern(patterns[i]!, room.subarray(first, first + dimensions), now, budget));
      } catch (error) {
        const { code, message, cause } = toStorageError(error, 'Checking');
        throw new StorageError(code, place(i) + message, { cause });
      }
    }
    return checked;
  }

  /** Runs a call on the open memory, with everything in it that other processes wrote. */
  async #run<Result>(call: (memory: OpenMemory) => Promise<Result>): Promise<Result> {
    const memory = this.#memory();
    // A writer's call begins at once: what the caller changes afterwards must not reach the disk.
    const running = memory.isReader ? memory.follow().then(() => call(memory)) : call(memory);
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw toStorageError(error, 'The call');
    } finally {
      this.#running.delete(running);
    }
  }

  #memory(): OpenMemory {
    switch (this.#state.kind) {
      case 'open':
        return this.#state.memory;
      case 'closed':
        throw closedError();
      default:
        throw new StorageError('NOT_INITIALIZED', 'The memory is not open yet: await initialize() first.');
    }
  }
}

function byLikeness(a: SimilarPattern, b: SimilarPattern): number {
  return b.similarity - a.similarity || (a.pattern.id < b.pattern.id ? -1 : 1);
}

function closedError(): StorageError {
  return new StorageError('CLOSED', 'The memory is closed: create a new one to open it again.');
}
