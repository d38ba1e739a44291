import path from 'node:path';
import { type BenchData, type Filter, id } from './bench-data.ts';
import type { Contender } from './contender.ts';
import { peer } from './peer.ts';

interface Hnsw {
  initIndex(options: { maxElements: number; m: number; efConstruction: number; randomSeed: number }): void;
  addPoint(point: number[], label: number): void;
  setEf(ef: number): void;
  searchKnn(
    query: number[],
    count: number,
    filter?: (label: number) => boolean,
  ): { distances: number[]; neighbors: number[] };
  writeIndexSync(file: string): void;
  readIndexSync(file: string): void;
}

/** hnswlib-node: a graph in memory. Its only way to the disk is to write all of it, so that is what a put costs. */
export class HnswlibContender implements Contender {
  readonly name = 'hnswlib-node';
  readonly #module = peer<{ HierarchicalNSW: new (space: string, dimensions: number) => Hnsw }>(
    'hnswlib-node',
  );
  #index!: Hnsw;
  #file = '';

  async open(folder: string, data: BenchData): Promise<void> {
    this.#file = path.join(folder, 'index.hnsw');
    this.#index = new this.#module.HierarchicalNSW('cosine', data.vectors.dimensions);
    this.#index.initIndex({ maxElements: data.vectors.count, m: 16, efConstruction: 128, randomSeed: 1 });
    this.#index.setEf(128);
  }

  async ingest(data: BenchData, from: number, to: number): Promise<void> {
    for (let row = from; row < to; row++) this.#add(data, row);
  }

  async settle(): Promise<void> {
    this.#index.writeIndexSync(this.#file);
  }

  async put(data: BenchData, row: number): Promise<void> {
    this.#add(data, row);
    this.#index.writeIndexSync(this.#file);
  }

  async similar(query: Float32Array, count: number): Promise<string[]> {
    return this.#index.searchKnn(Array.from(query), count).neighbors.map(id);
  }

  async filtered(query: Float32Array, count: number, filter: Filter): Promise<string[]> {
    return this.#index
      .searchKnn(Array.from(query), count, (row) => filter.passes[row] === 1)
      .neighbors.map(id);
  }

  async close(): Promise<void> {}

  async reopen(folder: string, data: BenchData): Promise<void> {
    this.#file = path.join(folder, 'index.hnsw');
    this.#index = new this.#module.HierarchicalNSW('cosine', data.vectors.dimensions);
    this.#index.readIndexSync(this.#file);
    this.#index.setEf(128);
  }

  #add(data: BenchData, row: number): void {
    const { dimensions, numbers } = data.vectors;
    this.#index.addPoint(Array.from(numbers.subarray(row * dimensions, (row + 1) * dimensions)), row);
  }
}
