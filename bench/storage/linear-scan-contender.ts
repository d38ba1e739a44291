import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { type BenchData, type Filter, id, types } from './bench-data.ts';
import type { Contender } from './contender.ts';

/** What one writes without a library: vectors in an array, compared one by one in JavaScript, appended to a file. */
export class LinearScanContender implements Contender {
  readonly name = 'linear-scan';
  #data!: BenchData;
  #vectors!: Float32Array;
  #count = 0;
  #file = -1;

  async open(folder: string, data: BenchData): Promise<void> {
    this.#data = data;
    this.#vectors = new Float32Array(data.vectors.numbers.length);
    this.#file = openSync(path.join(folder, 'vectors.f32'), 'a');
  }

  async ingest(data: BenchData, from: number, to: number): Promise<void> {
    const { dimensions, numbers } = data.vectors;
    const rows = numbers.subarray(from * dimensions, to * dimensions);
    this.#vectors.set(rows, from * dimensions);
    writeSync(this.#file, new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength));
    fsyncSync(this.#file);
    this.#count = to;
  }

  async settle(): Promise<void> {}

  async put(data: BenchData, row: number): Promise<void> {
    await this.ingest(data, row, row + 1);
  }

  async similar(query: Float32Array, count: number): Promise<string[]> {
    return this.#nearest(query, count, () => true);
  }

  async filtered(query: Float32Array, count: number, filter: Filter): Promise<string[]> {
    return this.#nearest(query, count, (row) => filter.passes[row] === 1);
  }

  async criteria(type: string): Promise<unknown[]> {
    const wanted = types.indexOf(type);
    const rows: number[] = [];
    for (let row = 0; row < this.#count; row++) if (this.#data.type[row] === wanted) rows.push(row);
    rows.sort((a, b) => this.#data.created[b]! - this.#data.created[a]!);
    const { dimensions } = this.#data.vectors;
    return rows.slice(0, 100).map((row) => ({
      id: id(row),
      features: this.#vectors.slice(row * dimensions, (row + 1) * dimensions),
    }));
  }

  async close(): Promise<void> {
    closeSync(this.#file);
  }

  async reopen(folder: string, data: BenchData): Promise<void> {
    const bytes = readFileSync(path.join(folder, 'vectors.f32'));
    await this.open(folder, data);
    this.#vectors = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#count = this.#vectors.length / data.vectors.dimensions;
  }

  #nearest(query: Float32Array, count: number, passes: (row: number) => boolean): string[] {
    const { dimensions } = this.#data.vectors;
    const best: { row: number; product: number }[] = [];
    for (let row = 0; row < this.#count; row++) {
      if (!passes(row)) continue;
      let product = 0;
      // The vectors have length one.
      for (let i = 0, at = row * dimensions; i < dimensions; i++)
        product += query[i]! * this.#vectors[at + i]!;
      if (best.length === count && product <= best.at(-1)!.product) continue;
      best.push({ row, product });
      best.sort((a, b) => b.product - a.product);
      best.length = Math.min(best.length, count);
    }
    return best.map(({ row }) => id(row));
  }
}
