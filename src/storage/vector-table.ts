import { exactSearch, type MetricKind } from 'usearch';
import type { DistanceMetric } from './options.ts';
import { kept, merged, type Proposals } from './proposals.ts';
import { dot, usearchMetric } from './similarity.ts';

type Numbers = Int8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

const bytesPerChunk = 6 * 1024 * 1024;
const rowsGathered = 1024;
/** Share of the rows above which it is quicker to compare all of them; measured by `bench storage`. */
const manyOf = 0.2;
const proposedPerChunk = 512;

/**
 * Vectors in memory, one row each without gaps, to be compared one by one with usearch's SIMD kernels.
 *
 * For `cosine` a row is int8 (77 MB for 100,000 vectors of 768), each scaled to use the whole range; the other
 * metrics need the length of a vector, so there a row is float32.
 */
export class VectorTable {
  readonly #dimensions: number;
  readonly #metric: DistanceMetric;
  readonly #rowsPerChunk: number;
  readonly #chunks: Numbers[] = [];
  readonly #slots: number[] = [];
  readonly #sequences: number[] = [];
  /** Row of each slot plus one, 0 where there is none. */
  #rowOf = new Uint32Array(1024);
  readonly #gathered: Numbers;
  readonly #query: Numbers;
  /** Largest error that rounding to int8 made to a vector of length one. */
  #rounding = 0;
  #longest = 0;

  constructor(dimensions: number, metric: DistanceMetric) {
    this.#dimensions = dimensions;
    this.#metric = metric;
    const bytes = dimensions * (metric === 'cosine' ? 1 : 4);
    this.#rowsPerChunk = Math.max(16, Math.floor(bytesPerChunk / bytes));
    this.#gathered = this.#allocate(rowsGathered);
    this.#query = this.#allocate(1);
  }

  get count(): number {
    return this.#slots.length;
  }

  /** The transaction that last changed the slot's vector, or -1 where there is none. */
  sequence(slot: number): number {
    const row = this.#find(slot);
    return row < 0 ? -1 : this.#sequences[row]!;
  }

  slots(): readonly number[] {
    return this.#slots;
  }

  set(slot: number, vector: Float32Array, sequence: number): void {
    let row = this.#find(slot);
    if (row < 0) {
      row = this.#slots.length;
      if (row === this.#chunks.length * this.#rowsPerChunk)
        this.#chunks.push(this.#allocate(this.#rowsPerChunk));
      this.#slots.push(slot);
      this.#sequences.push(sequence);
      this.#place(slot, row);
    }
    this.#sequences[row] = sequence;
    const chunk = this.#chunks[Math.floor(row / this.#rowsPerChunk)]!;
    const rounding = this.#write(vector, chunk, (row % this.#rowsPerChunk) * this.#dimensions);
    this.#rounding = Math.max(this.#rounding, rounding);
    if (this.#metric !== 'cosine') this.#longest = Math.max(this.#longest, Math.sqrt(dot(vector, vector)));
  }

  /** The last row takes the place of the removed one. */
  remove(slot: number): void {
    const row = this.#find(slot);
    if (row < 0) return;
    const last = this.#slots.length - 1;
    if (row !== last) {
      const to = this.#chunks[Math.floor(row / this.#rowsPerChunk)]!;
      to.set(this.#rows(last, 1), (row % this.#rowsPerChunk) * this.#dimensions);
      this.#slots[row] = this.#slots[last]!;
      this.#sequences[row] = this.#sequences[last]!;
      this.#place(this.#slots[row]!, row);
    }
    this.#slots.pop();
    this.#sequences.pop();
    this.#rowOf[slot] = 0;
    if (last % this.#rowsPerChunk === 0) this.#chunks.pop();
  }

  /** The `wanted` nearest of all rows, or of those in `slots`; what is not in the table is passed over. */
  nearest(vector: Float32Array, wanted: number, slots?: Uint32Array): Proposals {
    this.#write(vector, this.#query, 0);
    if (slots === undefined) return this.#nearestOfAll(wanted);
    const many = slots.length > manyOf * this.count && wanted <= proposedPerChunk / 4;
    return many ? this.#nearestOfMany(slots, wanted) : this.#nearestOf(slots, wanted);
  }

  /**
   * How far a distance may be off, so that the scan can prove that it missed nothing: by Cauchy and Schwarz never
   * more than the rounding errors' lengths, and in many dimensions, where rounding errors point nowhere, not more
   * than five standard deviations of their projection.
   */
  distanceMargin(vector: Float32Array): number {
    const length = Math.sqrt(dot(vector, vector));
    if (this.#metric === 'cosine') {
      const own = this.#write(vector, this.#query, 0);
      const projected = (5 / Math.sqrt(this.#dimensions)) * Math.hypot(own, this.#rounding);
      return 1e-6 + Math.min(own + this.#rounding, projected);
    }
    const scale = this.#metric === 'dot' ? length * this.#longest : (length + this.#longest) ** 2;
    return 1e-5 * scale + Number.MIN_VALUE;
  }

  #nearestOfAll(wanted: number): Proposals {
    let best: Proposals = { slots: [], distances: [] };
    for (let number = 0; number < this.#chunks.length; number++)
      best = merged(best, this.#nearestOfChunk(number, wanted), wanted);
    return best;
  }

  #nearestOfChunk(number: number, wanted: number): Proposals {
    const first = number * this.#rowsPerChunk;
    const rows = Math.min(this.#rowsPerChunk, this.#slots.length - first);
    return this.#compare(this.#chunks[number]!, rows, wanted, (row) => this.#slots[first + row]!);
  }

  /** Gathers the rows, so that the kernel sees nothing else. */
  #nearestOf(slots: Iterable<number>, wanted: number): Proposals {
    let best: Proposals = { slots: [], distances: [] };
    let present: number[] = [];
    let runStart = 0;
    let run = 0;
    // Rows that follow one another are copied at once: most of a copy's cost is its beginning.
    const copyRun = () => {
      if (run > 0) this.#gathered.set(this.#rows(runStart, run), (present.length - run) * this.#dimensions);
      run = 0;
    };
    const compareGathered = () => {
      copyRun();
      const gathered = present;
      const found = this.#compare(this.#gathered, gathered.length, wanted, (at) => gathered[at]!);
      best = merged(best, found, wanted);
      present = [];
    };
    for (const slot of slots) {
      const row = this.#find(slot);
      if (row < 0) continue;
      if (row !== runStart + run || row % this.#rowsPerChunk === 0) {
        copyRun();
        runStart = row;
      }
      run += 1;
      if (present.push(slot) === rowsGathered) compareGathered();
    }
    if (present.length > 0) compareGathered();
    return best;
  }

  /**
   * To compare all rows takes a third of the time that gathering half of them does. So where most rows are among
   * `slots`, the nearest of all are taken chunk by chunk and the others dropped; only a chunk whose proposals end
   * before the last wanted one is gathered.
   */
  #nearestOfMany(slots: Uint32Array, wanted: number): Proposals {
    const isAmong = new Uint8Array(this.#rowOf.length);
    for (const slot of slots) isAmong[slot] = 1;
    const ends: number[] = [];
    const found = this.#chunks.map((_, number) => {
      const proposals = this.#nearestOfChunk(number, proposedPerChunk);
      const isAll = proposals.slots.length < proposedPerChunk;
      ends.push(isAll ? Infinity : proposals.distances.at(-1)!);
      return kept(proposals, (slot) => isAmong[slot] === 1);
    });
    const none: Proposals = { slots: [], distances: [] };
    const best = found.reduce((a, b) => merged(a, b, wanted), none);
    const last = best.distances[wanted - 1] ?? Infinity;
    return found
      .map((proposals, number) =>
        ends[number]! >= last ? proposals : this.#nearestOf(this.#slotsOfChunk(number, isAmong), wanted),
      )
      .reduce((a, b) => merged(a, b, wanted), none);
  }

  #slotsOfChunk(number: number, isAmong: Uint8Array): number[] {
    const first = number * this.#rowsPerChunk;
    return this.#slots.slice(first, first + this.#rowsPerChunk).filter((slot) => isAmong[slot] === 1);
  }

  #compare(numbers: Numbers, rows: number, wanted: number, slotOf: (row: number) => number): Proposals {
    // exactSearch ignores a view's byteOffset, so views here always begin at their buffer's start.
    const data = numbers.subarray(0, rows * this.#dimensions);
    const metric = usearchMetric[this.#metric] as MetricKind;
    const found = exactSearch(data, this.#query, this.#dimensions, Math.min(wanted, rows), metric, 1);
    const { keys, distances } = found as { keys: BigUint64Array; distances: Float32Array };
    return { slots: Array.from(keys, (key) => slotOf(Number(key))), distances: Array.from(distances) };
  }

  #find(slot: number): number {
    return slot < this.#rowOf.length ? this.#rowOf[slot]! - 1 : -1;
  }

  #place(slot: number, row: number): void {
    if (slot >= this.#rowOf.length) {
      const grown = new Uint32Array(Math.max(slot + 1, 2 * this.#rowOf.length));
      grown.set(this.#rowOf);
      this.#rowOf = grown;
    }
    this.#rowOf[slot] = row + 1;
  }

  /** Rows of one chunk. */
  #rows(first: number, count: number): Numbers {
    const start = (first % this.#rowsPerChunk) * this.#dimensions;
    return this.#chunks[Math.floor(first / this.#rowsPerChunk)]!.subarray(
      start,
      start + count * this.#dimensions,
    ) as Numbers;
  }

  #allocate(rows: number): Numbers {
    const length = rows * this.#dimensions;
    return this.#metric === 'cosine' ? new Int8Array(length) : new Float32Array(length);
  }

  /** Answers the length of the rounding error, relative to the vector's length. */
  #write(vector: Float32Array, target: Numbers, offset: number): number {
    if (this.#metric !== 'cosine') {
      target.set(vector, offset);
      return 0;
    }
    let largest = 0;
    for (let i = 0; i < vector.length; i++) {
      const size = Math.abs(vector[i]!);
      if (size > largest) largest = size;
    }
    // Below this the division overflows; such a vector is zero to every kernel.
    const scale = largest < 1e-300 ? 0 : 127 / largest;
    let error = 0;
    let length = 0;
    for (let i = 0; i < vector.length; i++) {
      const scaled = vector[i]! * scale;
      const rounded = Math.round(scaled);
      target[offset + i] = rounded;
      error += (scaled - rounded) * (scaled - rounded);
      length += scaled * scaled;
    }
    return length === 0 ? 0 : Math.sqrt(error / length);
  }
}
