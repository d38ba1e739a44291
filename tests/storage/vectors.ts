export const dimensions = 8;

/** A vector that points elsewhere for every number. */
export function direction(number: number): Float32Array {
  return Float32Array.from({ length: dimensions }, (_, i) => Math.sin(number * (i + 1) * 0.7 + i));
}
