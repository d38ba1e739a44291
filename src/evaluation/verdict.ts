import type { FewShotScores } from './few-shot.ts';
import type { RetrievalScores } from './retrieval.ts';

/** "How well will this work on my sounds?", answered in sentences, the most telling first. */
export function verdict(
  retrieval: RetrievalScores,
  fewShot: readonly FewShotScores[],
  threshold: number,
): string[] {
  const most = fewShot.at(-1);
  const sentences = [overall(retrieval, most)];
  for (const scores of fewShot) {
    const examples = scores.shots === 1 ? 'one example' : `${scores.shots} examples`;
    sentences.push(
      `Taught with ${examples} of each, ${ofHundred(scores.accuracy.mean)} sounds from other recordings get their right name (± ${Math.round(scores.accuracy.deviation * 100)} from draw to draw).`,
    );
  }
  sentences.push(
    `The most alike other recording is of the same sound for ${ofHundred(retrieval.knn)} sounds.`,
  );
  if (most?.auroc !== undefined) {
    sentences.push(
      `A taught sound scores higher than one that was never taught in ${ofHundred(most.auroc.mean)} cases (50 would be guessing).`,
    );
  }
  if (retrieval.unrelatedPairs > 0) {
    sentences.push(
      `At the threshold ${threshold.toFixed(2)}, ${oneIn(retrieval.falseMatch)} unrelated pairs would be taken for the same sound; with --threshold ${roundedUp(retrieval.threshold1Percent)} it would be about one in 100.`,
    );
  }
  const hard = retrieval.labels
    .filter((label) => label.knn < 0.7 && label.confusedWith !== undefined)
    .slice(0, 3);
  if (hard.length > 0) {
    const named = hard.map(
      ({ label, knn, asked, confusedWith }) =>
        `${label} (${Math.round(knn * asked)} of ${asked} right, often taken for ${confusedWith})`,
    );
    sentences.push(`Hardest: ${named.join('; ')}. More varied examples of these help most.`);
  }
  return sentences;
}

function overall(retrieval: RetrievalScores, fewShot: FewShotScores | undefined): string {
  const accuracy = fewShot?.accuracy.mean ?? retrieval.knn;
  const separation = fewShot?.auroc?.mean ?? 1;
  if (accuracy >= 0.9 && separation >= 0.9) return 'Very well: these sounds are told apart reliably.';
  if (accuracy >= 0.8 && separation >= 0.8)
    return 'Well: most of these sounds are told apart, some will be missed.';
  if (accuracy >= 0.6 && separation >= 0.7) {
    return 'In part: good enough to suggest a name, not to act on one without a second sign.';
  }
  return 'Poorly: these sounds are too alike for this encoder, or the examples differ too much.';
}

/** Of thousandths; times 100 some hundredths, as 0.55, come out a little above a whole number. */
function roundedUp(similarity: number): string {
  return (Math.ceil(Math.round(similarity * 1000) / 10) / 100).toFixed(2);
}

function ofHundred(share: number): string {
  return `${Math.round(share * 100)} of 100`;
}

function oneIn(share: number): string {
  if (share === 0) return 'none of the';
  return share >= 0.1 ? `${ofHundred(share)}` : `about one in ${Math.round(1 / share)}`;
}
