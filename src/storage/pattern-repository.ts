import type { PatternQuery, StoredPattern } from '../pattern.ts';
import { type CheckedQuery, checkQuery } from './checked-query.ts';
import {
  countMatches,
  decodeCursor,
  encodeCursor,
  firstById,
  firstMatches,
  type Match,
  matchesPattern,
  matchesRow,
  matchingSlots,
} from './column-query.ts';
import type { PatternPage } from './feature-storage.ts';
import type { FeatureVectorDatabase } from './feature-vector-database.ts';
import { blockRows, PatternColumns } from './pattern-columns.ts';
import { isRecordWhole, readRecord, readRecordHead, readRecordText } from './record.ts';
import { refusedLabels } from './refused-labels.ts';
import type { SearchReply } from './search-request.ts';

/** Patterns fetched before the event loop gets a turn: about three milliseconds. */
const fetchedAtOnce = 256;
const orderedAtOnce = 4_096;
const millisecondsAtOnce = 5;

/** Patterns by id and by criteria: records from the database, criteria from columns in memory. */
export class PatternRepository {
  readonly columns = new PatternColumns();
  readonly #database: FeatureVectorDatabase;
  readonly #dimensions: number;
  readonly #onDamage: (slot: number) => void;
  /** The last transaction that the columns show. */
  sequence = 0;
  #turnEnds = 0;

  constructor(
    database: FeatureVectorDatabase,
    options: { dimensions: number; onDamage: (slot: number) => void },
  ) {
    this.#database = database;
    this.#dimensions = options.dimensions;
    this.#onDamage = options.onDamage;
  }

  /** Fills the columns from the records. Lets the event loop turn in between. */
  async readAll(): Promise<void> {
    const state = this.#database.state();
    this.sequence = state.sequence;
    await this.readSlots(state.slots, (n) => n);
  }

  /** Brings `count` slots up to date with the records. */
  async readSlots(count: number, slotAt: (n: number) => number): Promise<void> {
    let turnEnds = performance.now() + millisecondsAtOnce;
    for (let n = 0; n < count; n++) {
      this.refreshSlot(slotAt(n));
      if (n % 32 === 31 && performance.now() > turnEnds) {
        await new Promise(setImmediate);
        turnEnds = performance.now() + millisecondsAtOnce;
      }
    }
  }

  /** Makes the row of a slot what its record says. */
  refreshSlot(slot: number): void {
    const record = this.#database.record(slot);
    if (record === undefined) this.columns.clear(slot);
    else if (isRecordWhole(record, this.#dimensions)) this.showRecord(slot, record);
    else {
      this.#onDamage(slot);
      this.columns.clear(slot);
    }
  }

  /** Makes the row of a slot what a whole record says. */
  showRecord(slot: number, record: Uint8Array): void {
    const head = readRecordHead(record);
    const { id, type, metadata } = readRecordText(record, this.#dimensions);
    this.columns.set(slot, {
      id,
      type,
      sourceId: metadata.sourceId,
      label: metadata.label,
      refused: refusedLabels(metadata),
      tags: metadata.tags ?? [],
      startTime: head.startTime,
      endTime: head.endTime,
      low: head.low,
      high: head.high,
      confidence: head.confidence,
      createdAt: head.createdAt,
      sequence: head.sequence,
    });
  }

  /** The pattern in a slot; a damaged one is reported and left out. */
  read(slot: number): StoredPattern | undefined {
    const record = this.#database.record(slot);
    if (record === undefined) return undefined;
    const block = this.columns.blockFor(slot);
    const row = slot % blockRows;
    if (block.checked[row] === 0) {
      if (!isRecordWhole(record, this.#dimensions)) {
        this.#onDamage(slot);
        return undefined;
      }
      block.checked[row] = 1;
    }
    return readRecord(record, this.#dimensions);
  }

  slotOf(id: string): number | undefined {
    return this.#database.slotOf(id);
  }

  get(id: string): StoredPattern | undefined {
    this.#database.refresh();
    const slot = this.#database.slotOf(id);
    const stored = slot === undefined ? undefined : this.read(slot);
    if (stored === undefined || stored.pattern.id === id) return stored;
    // Nothing tells whether the id or its place was damaged.
    this.#onDamage(slot!);
    return undefined;
  }

  /** The pattern that a row shows, if its record, which may be newer, is of the same one and meets the criteria too. */
  readMatch(slot: number, query: CheckedQuery | undefined): StoredPattern | undefined {
    const id = this.columns.id(slot);
    const stored = id === undefined ? undefined : this.read(slot);
    if (stored === undefined || stored.pattern.id !== id) return undefined;
    return query === undefined || matchesPattern(query, stored) ? stored : undefined;
  }

  /** Makes something of each that was found, in order; what is undefined when its turn comes is left out. */
  async readMany<Found, Item>(
    found: ArrayLike<Found>,
    make: (one: Found) => Item | undefined,
  ): Promise<Item[]> {
    const items: Item[] = [];
    for (let n = 0; n < found.length; n++) {
      if (n % fetchedAtOnce === 0) {
        if (n > 0) await new Promise(setImmediate);
        this.#database.refresh();
      }
      const item = make(found[n]!);
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  /** What is gone, or no longer matches, when its turn comes is left out. */
  #readMatches(matches: Match[], query: CheckedQuery): Promise<StoredPattern[]> {
    return this.readMany(matches, ({ slot, id }) =>
      this.columns.id(slot) === id ? this.readMatch(slot, query) : undefined,
    );
  }

  /**
   * Answers from memory resolve without a turn of the event loop, and those of a quick thread can all arrive in one: a
   * caller that awaits one after the other would keep timers and sockets waiting. So now and then one waits for a turn.
   */
  async breathe(): Promise<void> {
    if (performance.now() < this.#turnEnds) return;
    await new Promise(setImmediate);
    this.#turnEnds = performance.now() + millisecondsAtOnce;
  }

  async query(query: CheckedQuery, limit: number): Promise<StoredPattern[]> {
    await this.breathe();
    if (limit > fetchedAtOnce * 4) {
      const all: StoredPattern[] = [];
      for await (const pattern of this.iterate({ ...query, limit })) all.push(pattern);
      return all;
    }
    return this.#readMatches(await firstMatches(this.columns, query, limit), query);
  }

  async page(query: CheckedQuery, limit: number, cursor: unknown): Promise<PatternPage> {
    await this.breathe();
    const after = cursor === undefined ? undefined : decodeCursor(query, cursor);
    const matches = await firstMatches(this.columns, query, limit + 1, after);
    const shown = matches.slice(0, limit);
    const patterns = await this.#readMatches(shown, query);
    if (matches.length <= limit) return { patterns };
    return { patterns, cursor: encodeCursor(query, shown.at(-1)!) };
  }

  /** Page by page, so that nothing has to be sorted or held as a whole. */
  async *iterate(query: CheckedQuery): AsyncGenerator<StoredPattern> {
    let left = query.limit ?? Infinity;
    let cursor: string | undefined;
    while (left > 0) {
      const page: PatternPage = await this.page(query, Math.min(left, fetchedAtOnce * 4), cursor);
      for (const pattern of page.patterns) {
        await this.breathe();
        yield pattern;
      }
      if (page.cursor === undefined) return;
      left -= page.patterns.length;
      cursor = page.cursor;
    }
  }

  /** The slots of the first `limit` matches, in the query's order; page by page, since sorting all at once takes long. */
  async ordered(query: CheckedQuery, limit: number): Promise<number[]> {
    const slots: number[] = [];
    for (let after: Match | undefined; slots.length < limit; ) {
      const wanted = Math.min(limit - slots.length, orderedAtOnce);
      const page = await firstMatches(this.columns, query, wanted, after);
      for (const { slot } of page) slots.push(slot);
      if (page.length < wanted) break;
      after = page.at(-1);
    }
    return slots;
  }

  async count(query: CheckedQuery): Promise<number> {
    await this.breathe();
    return countMatches(this.columns, query);
  }

  /**
   * The first `count` of what a search found. As alike as the last of them may be all others, as in a memory of a muted
   * microphone; of those the ids decide before anything is read.
   */
  nearest({ slots, similarities }: SearchReply, count: number): Uint32Array | number[] {
    if (slots.length <= count) return slots;
    const tied = similarities.indexOf(similarities[count - 1]!);
    return [...slots.subarray(0, tied), ...firstById(this.columns, slots.subarray(tied), count - tied)];
  }

  matching(query: CheckedQuery): Promise<Uint32Array<ArrayBuffer>> {
    return matchingSlots(this.columns, query);
  }

  matches(query: CheckedQuery, slot: number): boolean {
    return matchesRow(this.columns, query, slot);
  }

  /** The patterns created longest ago. */
  oldest(count: number): Promise<number[]> {
    return this.ordered(
      checkQuery({ sortBy: 'createdAt', sortDirection: 'asc' } satisfies PatternQuery),
      count,
    );
  }
}
