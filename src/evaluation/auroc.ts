/**
 * The chance that a known sound scores higher than an unknown one, ties counting half: 0.5 is guessing,
 * 1 is a perfect separation. `NaN` where one side is empty.
 */
export function auroc(known: readonly number[], unknown: readonly number[]): number {
  const scores = [
    ...known.map((score) => ({ score, known: true })),
    ...unknown.map((score) => ({ score, known: false })),
  ].sort((a, b) => a.score - b.score);
  let rankSum = 0;
  for (let start = 0; start < scores.length; ) {
    let end = start;
    let knownHere = 0;
    for (; end < scores.length && scores[end]!.score === scores[start]!.score; end += 1) {
      if (scores[end]!.known) knownHere += 1;
    }
    rankSum += knownHere * ((start + 1 + end) / 2);
    start = end;
  }
  const fewest = (known.length * (known.length + 1)) / 2;
  return (rankSum - fewest) / (known.length * unknown.length);
}
