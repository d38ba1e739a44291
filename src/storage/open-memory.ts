import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { StoredPattern } from '../pattern.ts';
import { CacheKeeper, removeCaches, removeRefused } from './cache-keeper.ts';
import { ChangeFeed } from './change-feed.ts';
import type { CheckedOptions } from './checked-options.ts';
import type { CheckedPattern } from './checked-pattern.ts';
import { checkQuery } from './checked-query.ts';
import { loadColumns } from './column-cache.ts';
import type { StorageStats } from './feature-storage.ts';
import { FeatureVectorDatabase, type MemoryIdentity } from './feature-vector-database.ts';
import type { StorageHealthEvent } from './health-event.ts';
import { checkStructure } from './lmdb-structure.ts';
import { identify } from './memory-identity.ts';
import { memoryFiles, openMemoryFolder } from './memory-path.ts';
import { PatternRepository } from './pattern-repository.ts';
import { PatternWriter } from './pattern-writer.ts';
import { readRecord } from './record.ts';
import { scanBelow } from './scan-threshold.ts';
import { SimilarityIndex } from './similarity-index.ts';
import { StorageError } from './storage-error.ts';

const followMilliseconds = 250;
const shownAtOnce = 512;
const removedAtOnce = 10_000;
/** Changes after which a reader looks for a newer saved graph. */
const graphLooksEvery = 5_000;

/** A memory between `initialize` and `close`: its threads, its columns, and the way of a change through them. */
export class OpenMemory {
  readonly folder: string;
  readonly identity: MemoryIdentity;
  readonly database: FeatureVectorDatabase;
  readonly repository: PatternRepository;
  readonly index: SimilarityIndex;
  readonly feed: ChangeFeed;
  readonly #options: CheckedOptions;
  readonly #writer: PatternWriter | undefined;
  /** Replies are shown in the order of their transactions, large ones over several turns. */
  #showing: Promise<unknown> = Promise.resolve();
  #followTimer: NodeJS.Timeout | undefined;
  #ageTimer: NodeJS.Timeout | undefined;
  #caches: CacheKeeper | undefined;
  /** Changes seen since a reader last looked for a newer graph. */
  #followed = 0;
  readonly #damaged = new Set<number>();

  /** Opens what the options say, or throws a StorageError and leaves nothing open. */
  static async open(options: CheckedOptions): Promise<OpenMemory> {
    const { root, readOnly } = options;
    let memory: OpenMemory | undefined;
    let database: FeatureVectorDatabase | undefined;
    const onEnd = ({ message }: StorageError) => options.onHealthEvent?.({ kind: 'thread-ended', message });
    // The threads first: they start while the file is looked at.
    const index = new SimilarityIndex({ onDamage: (slot) => memory?.reportDamage(slot), onEnd });
    const writer = readOnly ? undefined : new PatternWriter({ onEnd });
    try {
      const folder = await openMemoryFolder(options.indexPath, {
        ...(root === undefined ? {} : { root }),
        create: !readOnly,
      });
      await checkStructure(folder);
      // The writing thread first: it makes what is missing, which waits for the disk, and nothing may change before
      // this process is known to be the one that writes.
      await writer?.open(folder, options.clipBudgetBytes);
      database = new FeatureVectorDatabase(folder, { readOnly });
      const identity = identify(database, options);
      memory = new OpenMemory({ folder, database, identity, index, writer }, options);
      await memory.#start();
      return memory;
    } catch (error) {
      await memory?.abandon();
      await index.end();
      await writer?.end();
      await database?.close();
      throw error;
    }
  }

  private constructor(
    parts: Pick<OpenMemory, 'folder' | 'database' | 'identity' | 'index'> & {
      writer: PatternWriter | undefined;
    },
    options: CheckedOptions,
  ) {
    this.folder = parts.folder;
    this.database = parts.database;
    this.identity = parts.identity;
    this.index = parts.index;
    this.#writer = parts.writer;
    this.#options = options;
    this.repository = new PatternRepository(parts.database, {
      dimensions: parts.identity.dimensions,
      onDamage: (slot) => this.reportDamage(slot),
    });
    this.feed = new ChangeFeed(this.repository, (watched) => this.#watchOthers(watched));
  }

  get isReader(): boolean {
    return this.#writer === undefined;
  }

  get writer(): PatternWriter {
    if (this.#writer !== undefined) return this.#writer;
    throw new StorageError(
      'READ_ONLY',
      'This memory is open for reading only: open it without readOnly to change it.',
    );
  }

  async #start(): Promise<void> {
    const { folder, identity } = this;
    const { persistIndexOnDisk, readOnly } = this.#options;
    if (!persistIndexOnDisk && !readOnly) await removeCaches(folder);
    const { memory, dimensions, distanceMetric } = identity;
    const owner = { memory, dimensions, distanceMetric };
    const [opened, columnsSequence] = await Promise.all([
      this.index.open({ folder, ...owner, persisted: persistIndexOnDisk, readOnly }),
      this.#fillColumns(),
    ]);
    // The search thread may have looked first, and another process have written since.
    const { sequence } = this.repository;
    if (opened.sequence < sequence)
      this.index.refresh(Uint32Array.from(this.database.slotsChangedSince(opened.sequence)), sequence);
    if (this.#writer !== undefined) {
      const { database, repository, index } = this;
      await removeRefused(folder, {
        graph: opened.sidecar === undefined,
        columns: columnsSequence === undefined,
      });
      this.#caches = new CacheKeeper(
        {
          folder,
          owner,
          database,
          repository,
          index,
          writer: this.#writer,
          report: (event) => this.report(event),
        },
        this.#options,
        columnsSequence,
      );
      this.#caches.start(opened);
      await this.enforceRetention();
      const { maxAge } = this.#options;
      if (maxAge !== undefined) {
        const pause = Math.min(60_000, Math.max(250, maxAge / 10));
        this.#ageTimer = setInterval(() => this.enforceRetention().catch(() => undefined), pause).unref();
      }
    }
  }

  /** From the saved columns and the change log, or from the records. Answers what the saved ones show. */
  async #fillColumns(): Promise<number | undefined> {
    const { database, repository, folder, identity } = this;
    const saved = this.#options.persistIndexOnDisk
      ? await loadColumns(folder, repository.columns, identity.memory, (sequence) =>
          database.remembersSince(sequence),
        )
      : { refused: 'are not kept' };
    if (typeof saved !== 'number') {
      if (saved.refused === 'are damaged') {
        this.report({
          kind: 'cache-rebuild',
          message: 'The saved columns are damaged; they were read from the records.',
        });
      }
      await repository.readAll();
      return undefined;
    }
    database.refresh();
    const { sequence } = database.state();
    const changed = Uint32Array.from(database.slotsChangedSince(saved));
    await repository.readSlots(changed.length, (n) => changed[n]!);
    repository.sequence = sequence;
    return saved;
  }

  /** Resolves when the patterns are on disk and found by every kind of query. */
  async put(
    checking: Promise<CheckedPattern[]>,
    update?: { expected: number; keepVector: boolean },
  ): Promise<Uint32Array> {
    const reply = await this.#writing(this.writer.put(checking, update));
    await this.#show(async () => {
      this.database.refresh();
      const { records, offsets, lengths, slots } = reply;
      for (let i = 0; i < slots.length; i++) {
        if (i % shownAtOnce === shownAtOnce - 1) await new Promise(setImmediate);
        const record = records.subarray(offsets[i]!, offsets[i]! + lengths[i]!);
        this.feed.during(
          slots[i]!,
          () => this.repository.showRecord(slots[i]!, record),
          () => readRecord(record, this.identity.dimensions),
        );
      }
      this.repository.sequence = reply.sequence;
      this.index.show(reply);
    });
    if (reply.droppedClips > 0) {
      this.report({
        kind: 'retention',
        message: `${reply.droppedClips} of the oldest clips were dropped to keep the clip budget.`,
        count: reply.droppedClips,
      });
    }
    this.#caches?.noteChanges(reply.slots.length);
    // They are stored whatever becomes of the oldest: what cannot be forgotten now is with the next write.
    await this.enforceRetention().catch(() => undefined);
    return reply.slots;
  }

  /** Removes patterns in one transaction; those changed since `expected` stay. Resolves with how many went. */
  async remove(ids: string[], expected: Uint32Array): Promise<number> {
    const reply = await this.#writing(this.writer.remove(ids, expected));
    await this.#show(async () => {
      await this.#refreshSlots(reply.slots, reply.sequence);
    });
    this.#caches?.noteChanges(reply.slots.length);
    return reply.slots.length;
  }

  /** What another process wrote, up to now. Does nothing in the process that writes. */
  async follow(): Promise<void> {
    if (this.#writer !== undefined) return;
    await this.#show(async () => {
      this.database.refresh();
      const state = this.database.state();
      const { sequence } = this.repository;
      if (state.sequence === sequence) return;
      const changed = Uint32Array.from(this.database.slotsChangedSince(sequence));
      await this.#refreshSlots(changed, state.sequence);
      this.#followed += changed.length;
      if (this.#followed < graphLooksEvery) return;
      this.#followed = 0;
      this.index.useSavedGraph();
    });
  }

  /** Forgets what `maxPatterns` and `maxAge` no longer allow. */
  async enforceRetention(): Promise<void> {
    const { maxPatterns, maxAge } = this.#options;
    const { repository } = this;
    const { sequence } = repository;
    const slots = new Set<number>();
    if (maxAge !== undefined) {
      const max = Date.now() - maxAge;
      for (const slot of await repository.matching(checkQuery({ createdAt: { max } }))) slots.add(slot);
    }
    const surplus = maxPatterns === undefined ? 0 : repository.columns.count - maxPatterns;
    if (surplus > slots.size) for (const slot of await repository.oldest(surplus)) slots.add(slot);
    const forgotten = await this.removeSlots([...slots], sequence);
    if (forgotten > 0) {
      const message = `${forgotten} of the oldest patterns were forgotten, as maxPatterns and maxAge ask.`;
      this.report({ kind: 'retention', message, count: forgotten });
    }
  }

  /** Removes the patterns that were in these slots after transaction `sequence`. What changed since stays. */
  async removeSlots(slots: number[] | Uint32Array, sequence: number): Promise<number> {
    const { columns } = this.repository;
    let removed = 0;
    for (let i = 0; i < slots.length; i += removedAtOnce) {
      const some = [...slots.slice(i, i + removedAtOnce)].filter(
        (slot) => columns.id(slot) !== undefined && columns.sequence(slot) <= sequence,
      );
      removed += await this.remove(
        some.map((slot) => columns.id(slot)!),
        Uint32Array.from(some, (slot) => columns.sequence(slot)),
      );
    }
    return removed;
  }

  async stats(): Promise<StorageStats> {
    const { columns } = this.repository;
    const counted = async (words: { counts(): Map<string, number> }) => {
      await this.repository.breathe();
      return Object.fromEntries(words.counts());
    };
    const identity = this.database.identity()!;
    const { clips, sequence } = this.database.state();
    const search = await this.index.state();
    return {
      patterns: columns.count,
      dimensions: identity.dimensions,
      distanceMetric: identity.distanceMetric,
      ...(identity.encoder === undefined ? {} : { encoder: identity.encoder }),
      types: await counted(columns.types),
      sources: await counted(columns.sources),
      labels: await counted(columns.labels),
      tags: await counted(columns.tags),
      clips: { count: clips.count, bytes: clips.bytes, budgetBytes: this.#options.clipBudgetBytes },
      disk: await this.#bytesOnDisk(),
      graph: {
        state: search.graph === undefined ? (columns.count < scanBelow ? 'none' : 'building') : 'ready',
        patterns: search.graph ?? 0,
        recent: search.recent,
      },
      transaction: sequence,
    };
  }

  async flush(): Promise<void> {
    await this.#showing;
    await this.#caches?.flush();
  }

  async #bytesOnDisk(): Promise<StorageStats['disk']> {
    const disk = { patterns: 0, caches: 0 };
    for (const name of await readdir(this.folder)) {
      const { size } = await stat(path.join(this.folder, name)).catch(() => ({ size: 0 }));
      if (name === memoryFiles.patterns || name === memoryFiles.patternsLock) disk.patterns += size;
      else disk.caches += size;
    }
    return disk;
  }

  report(event: StorageHealthEvent): void {
    this.#options.onHealthEvent?.(event);
  }

  async close(): Promise<void> {
    clearInterval(this.#followTimer);
    clearInterval(this.#ageTimer);
    this.feed.complete();
    await this.#showing;
    // Each is closed even where one before it cannot be: the lock must not outlive the memory.
    const ends = await Promise.allSettled([this.#caches?.close()]);
    for (const part of [this.index, this.#writer, this.database])
      ends.push(...(await Promise.allSettled([part?.close()])));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** For a memory that did not open all the way. */
  async abandon(): Promise<void> {
    clearInterval(this.#ageTimer);
    await this.#caches?.close().catch(() => undefined);
  }

  async #writing<Reply>(reply: Promise<Reply>): Promise<Reply> {
    try {
      return await reply;
    } catch (error) {
      const { code, message } = error as StorageError;
      if (code === 'DISK_FULL') this.report({ kind: 'disk-full', message });
      throw error;
    }
  }

  #show(apply: () => Promise<void>): Promise<void> {
    const shown = this.#showing.then(apply);
    this.#showing = shown.catch(() => undefined);
    return shown;
  }

  async #refreshSlots(slots: Uint32Array, sequence: number): Promise<void> {
    this.database.refresh();
    const { repository } = this;
    const read = (slot: number): StoredPattern | undefined => repository.read(slot);
    for (let i = 0; i < slots.length; i++) {
      if (i % shownAtOnce === shownAtOnce - 1) await new Promise(setImmediate);
      const slot = slots[i]!;
      this.feed.during(
        slot,
        () => repository.refreshSlot(slot),
        () => read(slot),
      );
    }
    repository.sequence = sequence;
    this.index.refresh(slots, sequence);
  }

  /** A reader with watchers looks for changes by itself; otherwise each query does. */
  #watchOthers(watched: boolean): void {
    clearInterval(this.#followTimer);
    if (watched && this.#writer === undefined) {
      this.#followTimer = setInterval(() => this.follow().catch(() => undefined), followMilliseconds);
    }
  }

  /** A record that cannot be read: told once. */
  reportDamage(slot: number): void {
    const id = this.repository.columns.id(slot);
    if (this.#damaged.has(slot)) return;
    this.#damaged.add(slot);
    this.report({
      kind: 'record-damaged',
      message: `The pattern ${id === undefined ? `in slot ${slot}` : `"${id}"`} is damaged and left out: restore it from a backup or store it again.`,
      ...(id === undefined ? {} : { id }),
    });
  }
}
