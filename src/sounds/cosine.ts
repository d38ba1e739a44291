/** How alike two vectors are, -1 to 1; 0 where one is nothing, or they are of different lengths. */
export function cosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return 0;
  let dot = 0;
  let one = 0;
  let other = 0;
  for (let i = 0; i < a.length; i++) {
    dot += (a[i] as number) * (b[i] as number);
    one += (a[i] as number) ** 2;
    other += (b[i] as number) ** 2;
  }
  return one > 0 && other > 0 ? dot / Math.sqrt(one * other) : 0;
}
