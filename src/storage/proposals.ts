/** What a scan found, nearest first; distances are usearch's and approximate for `cosine`. */
export interface Proposals {
  slots: number[];
  distances: number[];
}

/** Those whose slot is wanted. */
export function kept(proposals: Proposals, isWanted: (slot: number) => boolean): Proposals {
  const slots: number[] = [];
  const distances: number[] = [];
  proposals.slots.forEach((slot, i) => {
    if (!isWanted(slot)) return;
    slots.push(slot);
    distances.push(proposals.distances[i]!);
  });
  return { slots, distances };
}

/** The first `wanted` of both; of equal ones `a`'s come first. */
export function merged(a: Proposals, b: Proposals, wanted: number): Proposals {
  const slots: number[] = [];
  const distances: number[] = [];
  let i = 0;
  let j = 0;
  while (slots.length < wanted && (i < a.slots.length || j < b.slots.length)) {
    const [from, at] =
      j >= b.slots.length || (i < a.slots.length && a.distances[i]! <= b.distances[j]!) ? [a, i++] : [b, j++];
    slots.push(from.slots[at]!);
    distances.push(from.distances[at]!);
  }
  return { slots, distances };
}
