import type { DistanceMetric } from './options.ts';

/** The similarity that answers carry, computed in double precision so that equal vectors give equal numbers. */
export function similarity(metric: DistanceMetric, a: Float32Array, b: Float32Array): number {
  switch (metric) {
    case 'cosine': {
      const norms = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b));
      return norms === 0 ? 0 : Math.min(1, Math.max(-1, dot(a, b) / norms));
    }
    case 'euclidean':
      return 1 / (1 + Math.sqrt(squaredDistance(a, b)));
    case 'dot':
      return dot(a, b);
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
