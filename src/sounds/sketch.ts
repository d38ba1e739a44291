import { random } from './random.ts';

/** How many numbers stand for a feature vector where only likeness matters: on the map and in suggestions. */
export const sketchLength = 32;

const iterations = 4;

/**
 * Shortens feature vectors so that the dot product of two sketches is close to the cosine of the two vectors.
 * It keeps the directions in which the sample has most of its energy (the leading right singular vectors, found
 * by subspace iteration); what the sample shares is kept too, so that thresholds of likeness still mean the same.
 */
export class Sketcher {
  readonly dimensions: number;
  /** `sketchLength` orthonormal rows of `dimensions` numbers. */
  readonly #basis: Float32Array;

  /** `vectors` holds whole vectors of `dimensions` numbers, one after the other, at least one. */
  constructor(vectors: Float32Array, dimensions: number) {
    this.dimensions = dimensions;
    this.#basis = leadingDirections(vectors, dimensions);
  }

  /** Writes the sketch of `vectors[offset…]` to `target[at…]`; a zero vector gives a zero sketch. */
  sketch(vectors: Float32Array, offset: number, target: Float32Array, at: number): void {
    const { dimensions } = this;
    let energy = 0;
    for (let i = 0; i < dimensions; i++) energy += (vectors[offset + i] as number) ** 2;
    const scale = energy > 0 ? 1 / Math.sqrt(energy) : 0;
    for (let row = 0; row < sketchLength; row++) {
      let sum = 0;
      for (let i = 0, b = row * dimensions; i < dimensions; i++, b++) {
        sum += (vectors[offset + i] as number) * (this.#basis[b] as number);
      }
      target[at + row] = sum * scale;
    }
  }
}

/** Close to the cosine of the two vectors that were sketched. */
export function likeness(sketches: Float32Array, a: number, b: number): number {
  let sum = 0;
  for (let i = 0, x = a * sketchLength, y = b * sketchLength; i < sketchLength; i++, x++, y++) {
    sum += (sketches[x] as number) * (sketches[y] as number);
  }
  return sum;
}

function leadingDirections(vectors: Float32Array, dimensions: number): Float32Array {
  const count = vectors.length / dimensions;
  const next = random(20_261_123);
  let basis = Float32Array.from({ length: sketchLength * dimensions }, () => next() - 0.5);
  orthonormalise(basis, dimensions);
  for (let round = 0; round < iterations; round++) {
    const sums = new Float32Array(basis.length);
    for (let n = 0; n < count; n++) {
      const vector = vectors.subarray(n * dimensions, (n + 1) * dimensions);
      for (let row = 0; row < sketchLength; row++) {
        const from = row * dimensions;
        let dot = 0;
        for (let i = 0; i < dimensions; i++) dot += (vector[i] as number) * (basis[from + i] as number);
        for (let i = 0; i < dimensions; i++) {
          sums[from + i] = (sums[from + i] as number) + dot * (vector[i] as number);
        }
      }
    }
    // A sample of few vectors spans few directions; a little of the old basis fills the rest.
    for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + 1e-4 * (basis[i] as number);
    orthonormalise(sums, dimensions);
    basis = sums;
  }
  return basis;
}

/** Gram-Schmidt, twice over: one pass loses orthogonality where rows are nearly parallel. */
function orthonormalise(rows: Float32Array, dimensions: number): void {
  const count = rows.length / dimensions;
  for (let row = 0; row < count; row++) {
    const from = row * dimensions;
    for (let pass = 0; pass < 2; pass++) {
      for (let other = 0; other < row; other++) {
        const start = other * dimensions;
        let dot = 0;
        for (let i = 0; i < dimensions; i++) dot += (rows[from + i] as number) * (rows[start + i] as number);
        for (let i = 0; i < dimensions; i++) {
          rows[from + i] = (rows[from + i] as number) - dot * (rows[start + i] as number);
        }
      }
    }
    let energy = 0;
    for (let i = 0; i < dimensions; i++) energy += (rows[from + i] as number) ** 2;
    const scale = energy > 1e-20 ? 1 / Math.sqrt(energy) : 0;
    for (let i = 0; i < dimensions; i++) rows[from + i] = (rows[from + i] as number) * scale;
  }
}
