import type { StoredPattern } from '../pattern.ts';

/** A label with what the memory holds of it. */
export interface LabelSummary {
  label: string;
  /** Stays the same as long as the memory's map does; labels are coloured by it. */
  number: number;
  sounds: number;
  /** Milliseconds since 1970. */
  lastHeard: number;
}

const firstCapacity = 1024;

/**
 * A row of numbers for each sound in the memory: label, time and place on the map. Columns instead of objects,
 * so that 100,000 sounds are looked through in a millisecond. Rows of deleted sounds stay empty.
 */
export class Catalogue {
  /** Sounds that are there, without the empty rows. */
  size = 0;
  /** Rows in use or empty; each row number below it is valid. */
  rows = 0;
  readonly #ids: (string | undefined)[] = [];
  readonly #rowOf = new Map<string, number>();
  readonly #labelNames: string[] = [];
  readonly #labelNumbers = new Map<string, number>();
  #labels = new Int32Array(firstCapacity);
  #createdAt = new Float64Array(firstCapacity);
  #positions = new Float32Array(2 * firstCapacity);

  /** Adds the sound or takes over its news; returns its row. */
  put({ pattern, metadata }: StoredPattern): number {
    let row = this.#rowOf.get(pattern.id);
    if (row === undefined) {
      row = this.rows++;
      if (row === this.#labels.length) this.#grow();
      this.#rowOf.set(pattern.id, row);
      this.#ids[row] = pattern.id;
      this.#positions.fill(Number.NaN, 2 * row, 2 * row + 2);
      this.size++;
    }
    this.#labels[row] = metadata.label === undefined ? -1 : this.#labelNumber(metadata.label);
    this.#createdAt[row] = metadata.createdAt;
    return row;
  }

  remove(id: string): void {
    const row = this.#rowOf.get(id);
    if (row === undefined) return;
    this.#rowOf.delete(id);
    this.#ids[row] = undefined;
    this.#labels[row] = -1;
    this.#positions.fill(Number.NaN, 2 * row, 2 * row + 2);
    this.size--;
  }

  rowOf(id: string): number | undefined {
    return this.#rowOf.get(id);
  }

  /** The sound's id, or undefined for an empty row or a number that is none. */
  idOf(row: number): string | undefined {
    return this.#ids[row];
  }

  /** The number of the row's label for `labelName`, -1 without a label. */
  labelOf(row: number): number {
    return this.#labels[row] ?? -1;
  }

  createdAt(row: number): number {
    return this.#createdAt[row] as number;
  }

  /** Every label that was ever seen, by number; one may have no sounds any more. */
  get labelNames(): readonly string[] {
    return this.#labelNames;
  }

  place(row: number, x: number, y: number): void {
    if (this.#ids[row] === undefined) return;
    this.#positions[2 * row] = x;
    this.#positions[2 * row + 1] = y;
  }

  /** `x, y`, both NaN while the sound has no place on the map yet. */
  position(row: number): [x: number, y: number] {
    return [this.#positions[2 * row] as number, this.#positions[2 * row + 1] as number];
  }

  /** The labels in use, the one with the most sounds first. */
  labels(): LabelSummary[] {
    const counts = new Uint32Array(this.#labelNames.length);
    const last = new Float64Array(this.#labelNames.length);
    for (let row = 0; row < this.rows; row++) {
      const label = this.#labels[row] as number;
      if (label < 0) continue;
      counts[label] = (counts[label] as number) + 1;
      last[label] = Math.max(last[label] as number, this.#createdAt[row] as number);
    }
    return this.#labelNames
      .map((label, number) => ({
        label,
        number,
        sounds: counts[number] as number,
        lastHeard: last[number] as number,
      }))
      .filter(({ sounds }) => sounds > 0)
      .sort((one, other) => other.sounds - one.sounds || one.label.localeCompare(other.label));
  }

  /** The newest rows that pass, newest first, `limit` at most. */
  newest(limit: number, passes: (row: number) => boolean): number[] {
    const found: number[] = [];
    // Rows are given in the order of arrival, which is nearly that of time.
    for (let row = this.rows - 1; row >= 0 && found.length < limit; row--) {
      if (this.#ids[row] !== undefined && passes(row)) found.push(row);
    }
    return found.sort((one, other) => this.createdAt(other) - this.createdAt(one));
  }

  #labelNumber(label: string): number {
    let number = this.#labelNumbers.get(label);
    if (number === undefined) {
      number = this.#labelNames.length;
      this.#labelNames.push(label);
      this.#labelNumbers.set(label, number);
    }
    return number;
  }

  #grow(): void {
    const capacity = 2 * this.#labels.length;
    const grown = <T extends Int32Array | Float64Array | Float32Array>(made: T, from: T) => {
      made.set(from);
      return made;
    };
    this.#labels = grown(new Int32Array(capacity), this.#labels);
    this.#createdAt = grown(new Float64Array(capacity), this.#createdAt);
    this.#positions = grown(new Float32Array(2 * capacity), this.#positions);
  }
}
