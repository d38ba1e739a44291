import { SimilarityTo } from '../storage/similarity.ts';

/** How alike two vectors are, -1 to 1; 0 where one is nothing, or they are of different lengths. */
export function cosine(a: Float32Array, b: Float32Array): number {
  return a.length === b.length ? new SimilarityTo('cosine', a).of(b) : 0;
}
