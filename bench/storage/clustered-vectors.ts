/** Numbers that are the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export interface ClusteredVectors {
  dimensions: number;
  count: number;
  /** One row per vector. */
  numbers: Float32Array<ArrayBuffer>;
  cluster: Uint16Array;
}

/**
 * What an encoder's output looks like: a common mean, 200 clusters of very unequal size, and in each a few directions
 * in which its members differ, with some noise in all the others. Unit length.
 */
export class ClusterModel {
  readonly dimensions: number;
  readonly #mean: Float32Array;
  readonly #centres: Float32Array[] = [];
  readonly #directions: Float32Array[][] = [];
  readonly #shares: number[] = [];

  constructor(dimensions: number, seed = 7, clusters = 200, rank = 16) {
    this.dimensions = dimensions;
    const random = randomNumbers(seed);
    const vector = (scale: number) =>
      Float32Array.from({ length: dimensions }, () => (gaussian(random) * scale) / Math.sqrt(dimensions));
    this.#mean = vector(1);
    let total = 0;
    for (let c = 0; c < clusters; c++) {
      this.#centres.push(vector(1));
      this.#directions.push(Array.from({ length: rank }, () => vector(1)));
      total += 1 / (c + 4) ** 0.8;
      this.#shares.push(total);
    }
    this.#shares.forEach((share, c) => {
      this.#shares[c] = share / total;
    });
  }

  draw(count: number, seed: number): ClusteredVectors {
    const random = randomNumbers(seed);
    const { dimensions } = this;
    // The noise is drawn from a pool at random offsets: gaussian numbers by the billion would take minutes.
    const pool = Float32Array.from({ length: 1 << 16 }, () => gaussian(random));
    const numbers = new Float32Array(count * dimensions);
    const cluster = new Uint16Array(count);
    for (let n = 0; n < count; n++) {
      const pick = random();
      const c = this.#shares.findIndex((share) => pick <= share);
      cluster[n] = c;
      const row = numbers.subarray(n * dimensions, (n + 1) * dimensions);
      const centre = this.#centres[c]!;
      const noise = Math.floor(random() * (pool.length - dimensions));
      for (let i = 0; i < dimensions; i++) {
        row[i] = this.#mean[i]! + centre[i]! + (pool[noise + i]! * 0.35) / Math.sqrt(dimensions);
      }
      for (const direction of this.#directions[c]!) {
        const amount = gaussian(random) * 0.25;
        for (let i = 0; i < dimensions; i++) row[i]! += direction[i]! * amount;
      }
      let length = 0;
      for (let i = 0; i < dimensions; i++) length += row[i]! * row[i]!;
      length = Math.sqrt(length);
      for (let i = 0; i < dimensions; i++) row[i]! /= length;
    }
    return { dimensions, count, numbers, cluster };
  }
}
