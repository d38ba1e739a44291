import type { DistanceMetric } from './options.ts';

/**
 * The similarity to one vector that answers carry, computed in double precision and always in the same order, so that
 * equal vectors give equal numbers.
 */
export class SimilarityTo {
  readonly #metric: DistanceMetric;
  readonly #query: Float32Array;
  readonly #length: number;

  constructor(metric: DistanceMetric, query: Float32Array) {
    this.#metric = metric;
    this.#query = query;
    this.#length = Math.sqrt(dot(query, query));
  }

  of(vector: Float32Array): number {
    switch (this.#metric) {
      case 'cosine':
        return this.#cosine(vector);
      case 'euclidean':
        return 1 / (1 + Math.sqrt(squaredDistance(this.#query, vector)));
      case 'dot':
        return dot(this.#query, vector);
    }
  }

  /** Product and length in one pass: this is what most of a search's time goes to. */
  #cosine(vector: Float32Array): number {
    const query = this.#query;
    let product0 = 0;
    let product1 = 0;
    let square0 = 0;
    let square1 = 0;
    const whole = vector.length & ~1;
    for (let i = 0; i < whole; i += 2) {
      const a = vector[i]!;
      const b = vector[i + 1]!;
      product0 += a * query[i]!;
      product1 += b * query[i + 1]!;
      square0 += a * a;
      square1 += b * b;
    }
    if (whole < vector.length) {
      const last = vector[whole]!;
      product0 += last * query[whole]!;
      square0 += last * last;
    }
    const lengths = this.#length * Math.sqrt(square0 + square1);
    return lengths === 0 ? 0 : Math.min(1, Math.max(-1, (product0 + product1) / lengths));
  }
}

/** usearch's name of the metric. */
export const usearchMetric = { cosine: 'cos', euclidean: 'l2sq', dot: 'ip' } as const;

/** usearch's distance (smaller is more alike) that belongs to a similarity. */
export function usearchDistance(metric: DistanceMetric, value: number): number {
  return metric === 'euclidean' ? (1 / value - 1) ** 2 : 1 - value;
}

export function dot(a: Float32Array, b: Float32Array): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const whole = a.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (let i = whole; i < a.length; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + (s2 + s3);
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    sum += difference * difference;
  }
  return sum;
}
