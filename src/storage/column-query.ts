import type { StoredPattern } from '../pattern.ts';
import type { CheckedQuery, Range, SortKey } from './checked-query.ts';
import { blockRows, type ColumnBlock, type PatternColumns } from './pattern-columns.ts';
import { refusedLabels } from './refused-labels.ts';
import { StorageError } from './storage-error.ts';

/** Where a page ended. */
export interface Position {
  key: number;
  id: string;
}

/** A match with its place in the query's order, as it was when it was found: the slot may be another's since. */
export interface Match extends Position {
  slot: number;
}

/** Keeps the rows of `rows[0..count)` that pass and answers how many do. */
type Filter = (block: ColumnBlock, rows: Uint32Array, count: number) => number;

/** Rows within the block at hand; queries run one at a time between two turns of the event loop. */
const scratch = new Uint32Array(blockRows);

const millisecondsAtOnce = 5;

/** Calls `visit` for each block with the rows that match, and lets the event loop turn now and then. */
async function visitMatches(
  columns: PatternColumns,
  query: CheckedQuery,
  backwards: boolean,
  visit: (block: ColumnBlock, firstSlot: number, rows: Uint32Array, count: number) => void,
): Promise<void> {
  let filters = compile(columns, query);
  let turnEnds = performance.now() + millisecondsAtOnce;
  for (let n = 0; n < columns.blocks.length; n++) {
    if (performance.now() > turnEnds) {
      await new Promise(setImmediate);
      turnEnds = performance.now() + millisecondsAtOnce;
      // Codes of strings may have changed meanwhile.
      filters = compile(columns, query);
    }
    if (filters === undefined) return;
    const index = backwards ? columns.blocks.length - 1 - n : n;
    const block = columns.blocks[index]!;
    let count = blockRows;
    for (const filter of filters) count = filter(block, scratch, count);
    visit(block, index * blockRows, scratch, count);
  }
}

export async function countMatches(columns: PatternColumns, query: CheckedQuery): Promise<number> {
  let total = 0;
  await visitMatches(columns, query, false, (_block, _first, _rows, count) => {
    total += count;
  });
  return total;
}

/** The slots of all matches, ascending. */
export async function matchingSlots(
  columns: PatternColumns,
  query: CheckedQuery,
): Promise<Uint32Array<ArrayBuffer>> {
  const pieces: Uint32Array[] = [];
  let total = 0;
  await visitMatches(columns, query, false, (_block, first, rows, count) => {
    pieces.push(rows.subarray(0, count).map((row) => first + row));
    total += count;
  });
  const slots = new Uint32Array(total);
  let offset = 0;
  for (const piece of pieces) {
    slots.set(piece, offset);
    offset += piece.length;
  }
  return slots;
}

/** Whether the pattern in a slot meets the criteria. */
export function matchesRow(columns: PatternColumns, query: CheckedQuery, slot: number): boolean {
  const block = columns.blocks[Math.floor(slot / blockRows)];
  const row = slot % blockRows;
  if (block === undefined || block.type[row] === 0) return false;
  return (
    has(query.type, columns.types.text(block.type[row]!)) &&
    has(query.sourceId, columns.sources.text(block.source[row]!)) &&
    has(query.label, columns.labels.text(block.label[row]!)) &&
    (query.notLabel === undefined || columns.refused.contains(block.refused[row]!, [query.notLabel])) &&
    overlaps(query.time, block.start[row]!, block.end[row]!) &&
    overlaps(query.frequency, block.low[row]!, block.high[row]!) &&
    overlaps(query.created, block.created[row]!, block.created[row]!) &&
    (query.confidence === undefined || block.confidence[row]! >= query.confidence) &&
    columns.tags.contains(block.tags[row]!, query.tags)
  );
}

/** The same for a pattern as it was read: its record may be newer than its row. */
export function matchesPattern(query: CheckedQuery, { pattern, metadata }: StoredPattern): boolean {
  const { type, startTime, endTime, frequencyRange, confidence } = pattern;
  const { sourceId, label, createdAt, tags = [] } = metadata;
  return (
    has(query.type, type) &&
    has(query.sourceId, sourceId) &&
    has(query.label, label) &&
    (query.notLabel === undefined || refusedLabels(metadata).includes(query.notLabel)) &&
    overlaps(query.time, startTime, endTime) &&
    overlaps(query.frequency, frequencyRange.low, frequencyRange.high) &&
    overlaps(query.created, createdAt, createdAt) &&
    (query.confidence === undefined || confidence >= query.confidence) &&
    query.tags.every((tag) => tags.includes(tag))
  );
}

function has(wanted: string | undefined, stored: string | undefined): boolean {
  return wanted === undefined || wanted === stored;
}

function overlaps(range: Range | undefined, from: number, to: number): boolean {
  return range === undefined || (from <= range.max && to >= range.min);
}

/** The first `limit` matches after `after`, in the query's order; ties are broken by id, in UTF-16 order. */
export async function firstMatches(
  columns: PatternColumns,
  query: CheckedQuery,
  limit: number,
  after?: Position,
): Promise<Match[]> {
  if (limit === 0) return [];
  const best = new FirstRows(limit, query.descending);
  // Newest patterns mostly have the highest slots: walking towards the wanted end fills the heap with winners.
  await visitMatches(columns, query, query.descending, (block, first, rows, count) => {
    const keys = keyColumn(block, query.sortBy);
    for (let n = 0; n < count; n++) {
      const row = rows[query.descending ? count - 1 - n : n]!;
      const key = keys === undefined ? 0 : keys[row]!;
      const id = block.ids[row]!;
      if (
        after !== undefined &&
        !isBefore(after.key, after.id, key, id, query.descending, keys === undefined)
      )
        continue;
      best.offer(key, id, first + row, keys === undefined);
    }
  });
  return best.matches();
}

/** The `count` slots whose ids come first; what is gone by now is left out. */
export function firstById(columns: PatternColumns, slots: Uint32Array, count: number): number[] {
  const best = new FirstRows(count, false);
  for (const slot of slots) {
    const id = columns.id(slot);
    if (id !== undefined) best.offer(0, id, slot, true);
  }
  return best.matches().map(({ slot }) => slot);
}

export function encodeCursor(query: CheckedQuery, position: Position): string {
  const order = query.descending ? 'desc' : 'asc';
  return Buffer.from(JSON.stringify([query.sortBy, order, position.key, position.id])).toString('base64url');
}

export function decodeCursor(query: CheckedQuery, cursor: unknown): Position {
  let parts: unknown;
  try {
    parts =
      typeof cursor === 'string' &&
      cursor.length < 4096 &&
      JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    parts = undefined;
  }
  const [sortBy, order, key, id] = Array.isArray(parts) ? parts : [];
  if (typeof key !== 'number' || typeof id !== 'string') {
    throw new StorageError(
      'INVALID_ARGUMENT',
      'The cursor is not one of this memory: begin again without one.',
    );
  }
  if (sortBy !== query.sortBy || order !== (query.descending ? 'desc' : 'asc')) {
    throw new StorageError(
      'INVALID_ARGUMENT',
      'The cursor is of another order: keep sortBy and sortDirection.',
    );
  }
  return { key, id };
}

function keyColumn(block: ColumnBlock, sortBy: SortKey): Float64Array | undefined {
  switch (sortBy) {
    case 'createdAt':
      return block.created;
    case 'startTime':
      return block.start;
    case 'endTime':
      return block.end;
    case 'confidence':
      return block.confidence;
    case 'id':
      return undefined;
  }
}

/** Ties go by ascending id whatever the direction, except when the id itself is the key. */
function isBefore(
  keyA: number,
  idA: string,
  keyB: number,
  idB: string,
  descending: boolean,
  byId: boolean,
): boolean {
  if (keyA !== keyB) return descending ? keyA > keyB : keyA < keyB;
  return byId && descending ? idA > idB : idA < idB;
}

/** A bounded heap with the row that would be dropped next at its root. */
class FirstRows {
  readonly #keys: number[] = [];
  readonly #ids: string[] = [];
  readonly #slots: number[] = [];
  readonly #limit: number;
  readonly #descending: boolean;
  #byId = false;

  constructor(limit: number, descending: boolean) {
    this.#limit = limit;
    this.#descending = descending;
  }

  offer(key: number, id: string, slot: number, byId: boolean): void {
    this.#byId = byId;
    const size = this.#slots.length;
    if (size < this.#limit) {
      this.#keys.push(key);
      this.#ids.push(id);
      this.#slots.push(slot);
      this.#rise(size);
      return;
    }
    const worst = this.#keys[0]!;
    if (this.#descending ? key < worst : key > worst) return;
    if (!isBefore(key, id, worst, this.#ids[0]!, this.#descending, byId)) return;
    this.#keys[0] = key;
    this.#ids[0] = id;
    this.#slots[0] = slot;
    this.#sink();
  }

  matches(): Match[] {
    const order = this.#slots.map((_slot, i) => i);
    order.sort((a, b) => (this.#before(a, b) ? -1 : 1));
    return order.map((i) => ({ slot: this.#slots[i]!, key: this.#keys[i]!, id: this.#ids[i]! }));
  }

  #before(a: number, b: number): boolean {
    return isBefore(
      this.#keys[a]!,
      this.#ids[a]!,
      this.#keys[b]!,
      this.#ids[b]!,
      this.#descending,
      this.#byId,
    );
  }

  #rise(from: number): void {
    for (let i = from; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!this.#before(parent, i)) return;
      this.#swap(parent, i);
      i = parent;
    }
  }

  #sink(): void {
    const size = this.#slots.length;
    for (let i = 0; ; ) {
      let last = i;
      for (let child = 2 * i + 1; child <= 2 * i + 2 && child < size; child++) {
        if (this.#before(last, child)) last = child;
      }
      if (last === i) return;
      this.#swap(last, i);
      i = last;
    }
  }

  #swap(a: number, b: number): void {
    for (const list of [this.#keys, this.#ids, this.#slots] as unknown[][]) {
      const kept = list[a];
      list[a] = list[b];
      list[b] = kept;
    }
  }
}

/** Undefined when a wanted string is not in the memory at all. The first filter fills the rows. */
function compile(columns: PatternColumns, query: CheckedQuery): Filter[] | undefined {
  const equals: [column: 'type' | 'source' | 'label', code: number | undefined][] = [];
  if (query.sourceId !== undefined) equals.push(['source', columns.sources.find(query.sourceId)]);
  if (query.label !== undefined) equals.push(['label', columns.labels.find(query.label)]);
  if (query.type !== undefined) equals.push(['type', columns.types.find(query.type)]);
  if (equals.some(([, code]) => code === undefined)) return undefined;

  const filters: Filter[] = [firstRows(equals[0]?.[0], equals[0]?.[1])];
  for (const [column, code] of equals.slice(1)) filters.push(keepEqual(column, code!));
  const sets: [column: 'tags' | 'refused', codes: Set<number>][] = [];
  if (query.notLabel !== undefined) sets.push(['refused', columns.refused.containing([query.notLabel])]);
  if (query.tags.length > 0) sets.push(['tags', columns.tags.containing(query.tags)]);
  if (sets.some(([, codes]) => codes.size === 0)) return undefined;
  for (const [column, codes] of sets) filters.push(keepSets(column, codes));
  if (query.confidence !== undefined) filters.push(keepConfident(query.confidence));
  if (query.time !== undefined) filters.push(keepOverlap('start', 'end', query.time));
  if (query.frequency !== undefined) filters.push(keepOverlap('low', 'high', query.frequency));
  if (query.created !== undefined) filters.push(keepOverlap('created', 'created', query.created));
  return filters;
}

function firstRows(column: 'type' | 'source' | 'label' | undefined, code: number | undefined): Filter {
  if (column === undefined || code === undefined) {
    return (block, rows) => {
      const { type } = block;
      let kept = 0;
      for (let i = 0; i < blockRows; i++) {
        rows[kept] = i;
        kept += type[i] === 0 ? 0 : 1;
      }
      return kept;
    };
  }
  // Rows without a pattern have code 0. No branch on the data: it would be mispredicted more often than not.
  return (block, rows) => {
    const values = block[column];
    let kept = 0;
    for (let i = 0; i < blockRows; i++) {
      rows[kept] = i;
      kept += values[i] === code ? 1 : 0;
    }
    return kept;
  };
}

function keepEqual(column: 'type' | 'source' | 'label', code: number): Filter {
  return (block, rows, count) => {
    const values = block[column];
    let kept = 0;
    for (let n = 0; n < count; n++) {
      const row = rows[n]!;
      rows[kept] = row;
      kept += values[row] === code ? 1 : 0;
    }
    return kept;
  };
}

function keepSets(column: 'tags' | 'refused', codes: Set<number>): Filter {
  // By code, since a look into a set per row takes ten times as long.
  let highest = 0;
  for (const code of codes) highest = Math.max(highest, code);
  const isWanted = new Uint8Array(highest + 1);
  for (const code of codes) isWanted[code] = 1;
  return (block, rows, count) => {
    const values = block[column];
    let kept = 0;
    for (let n = 0; n < count; n++) {
      const row = rows[n]!;
      rows[kept] = row;
      kept += isWanted[values[row]!] === 1 ? 1 : 0;
    }
    return kept;
  };
}

function keepConfident(threshold: number): Filter {
  return (block, rows, count) => {
    const { confidence } = block;
    let kept = 0;
    for (let n = 0; n < count; n++) {
      const row = rows[n]!;
      rows[kept] = row;
      kept += confidence[row]! >= threshold ? 1 : 0;
    }
    return kept;
  };
}

function keepOverlap(
  from: 'start' | 'low' | 'created',
  to: 'end' | 'high' | 'created',
  range: Range,
): Filter {
  return (block, rows, count) => {
    const begins = block[from];
    const ends = block[to];
    const { min, max } = range;
    let kept = 0;
    for (let n = 0; n < count; n++) {
      const row = rows[n]!;
      rows[kept] = row;
      kept += begins[row]! <= max && ends[row]! >= min ? 1 : 0;
    }
    return kept;
  };
}
