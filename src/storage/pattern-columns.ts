import { InternedStrings } from './interned-strings.ts';
import { InternedTags } from './interned-tags.ts';

/** Rows per block. Growing adds a block, so no insert ever copies what is there. */
export const blockRows = 65_536;

/** What criteria look at, in columns. A row without a pattern has type 0. */
export interface ColumnBlock {
  type: Uint32Array;
  source: Uint32Array;
  label: Uint32Array;
  /** What it is not. */
  refused: Uint32Array;
  tags: Uint32Array;
  start: Float64Array;
  end: Float64Array;
  low: Float64Array;
  high: Float64Array;
  confidence: Float64Array;
  created: Float64Array;
  /** The transaction that wrote the row. */
  sequence: Uint32Array;
  /** 1 once the record was found whole since it was written or the memory was opened. Not in the cache. */
  checked: Uint8Array;
  ids: (string | undefined)[];
}

/** The columns that are typed arrays, in the order of the column cache. */
export const numericColumns = [
  'type',
  'source',
  'label',
  'refused',
  'tags',
  'sequence',
  'start',
  'end',
  'low',
  'high',
  'confidence',
  'created',
] as const satisfies readonly (keyof ColumnBlock)[];

export interface ColumnRow {
  id: string;
  type: string;
  sourceId: string;
  label: string | undefined;
  refused: readonly string[];
  tags: readonly string[];
  startTime: number;
  endTime: number;
  low: number;
  high: number;
  confidence: number;
  createdAt: number;
  sequence: number;
}

/** One row per slot: about 80 bytes and the id, 12 MB for 100,000 patterns. */
export class PatternColumns {
  readonly blocks: ColumnBlock[] = [];
  readonly types = new InternedStrings();
  readonly sources = new InternedStrings();
  readonly labels = new InternedStrings();
  readonly refused = new InternedTags();
  readonly tags = new InternedTags();
  /** Number of patterns. */
  count = 0;

  set(slot: number, row: ColumnRow): void {
    this.clear(slot);
    const block = this.blockFor(slot);
    const i = slot % blockRows;
    block.type[i] = this.types.acquire(row.type);
    block.source[i] = this.sources.acquire(row.sourceId);
    block.label[i] = row.label === undefined ? 0 : this.labels.acquire(row.label);
    block.refused[i] = this.refused.acquire(row.refused);
    block.tags[i] = this.tags.acquire(row.tags);
    block.start[i] = row.startTime;
    block.end[i] = row.endTime;
    block.low[i] = row.low;
    block.high[i] = row.high;
    block.confidence[i] = row.confidence;
    block.created[i] = row.createdAt;
    block.sequence[i] = row.sequence;
    block.ids[i] = row.id;
    this.count += 1;
  }

  clear(slot: number): void {
    const block = this.blocks[Math.floor(slot / blockRows)];
    const i = slot % blockRows;
    if (block === undefined || block.type[i] === 0) return;
    this.types.release(block.type[i]!);
    this.sources.release(block.source[i]!);
    if (block.label[i] !== 0) this.labels.release(block.label[i]!);
    this.refused.release(block.refused[i]!);
    this.tags.release(block.tags[i]!);
    block.type[i] = 0;
    block.source[i] = 0;
    block.label[i] = 0;
    block.checked[i] = 0;
    block.ids[i] = undefined;
    this.count -= 1;
  }

  /** The id of the pattern in a slot, or undefined where there is none. */
  id(slot: number): string | undefined {
    return this.blocks[Math.floor(slot / blockRows)]?.ids[slot % blockRows];
  }

  sequence(slot: number): number {
    return this.blocks[Math.floor(slot / blockRows)]?.sequence[slot % blockRows] ?? 0;
  }

  /** The block that holds a slot, made when absent. */
  blockFor(slot: number): ColumnBlock {
    const number = Math.floor(slot / blockRows);
    while (this.blocks.length <= number) {
      this.blocks.push({
        type: new Uint32Array(blockRows),
        source: new Uint32Array(blockRows),
        label: new Uint32Array(blockRows),
        refused: new Uint32Array(blockRows),
        tags: new Uint32Array(blockRows),
        start: new Float64Array(blockRows),
        end: new Float64Array(blockRows),
        low: new Float64Array(blockRows),
        high: new Float64Array(blockRows),
        confidence: new Float64Array(blockRows),
        created: new Float64Array(blockRows),
        sequence: new Uint32Array(blockRows),
        checked: new Uint8Array(blockRows),
        ids: new Array<string | undefined>(blockRows).fill(undefined),
      });
    }
    return this.blocks[number]!;
  }
}
