/** Repeatable random numbers in [0, 1) (xorshift, 32 bits), so that the same memory gives the same map. */
export function random(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
