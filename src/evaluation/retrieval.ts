import { setImmediate as nextTurn } from 'node:timers/promises';
import { EvaluationError } from './evaluation-error.ts';
import type { LabelledClip } from './labelled-clip.ts';
import { UnitVectors } from './unit-vectors.ts';

export interface LabelScore {
  label: string;
  /** Clips that were looked up. */
  asked: number;
  /** Share of them whose nearest neighbour has the same label. */
  knn: number;
  /** The wrong label that their nearest neighbours have most often. */
  confusedWith?: string;
}

export interface RetrievalScores {
  /** Share of the clips whose nearest neighbour has the same label. */
  knn: number;
  /** Mean average precision: 1 when all clips of the label come before all others. */
  map: number;
  /** Clips that were looked up: those with another clip of their label in another group. */
  asked: number;
  /** Mean cosine of clips of different labels. `NaN` where there are none. */
  randomCosine: number;
  /** Share of such pairs at or over `threshold`. `NaN` where there are none. */
  falseMatch: number;
  /** The similarity that one unrelated pair in a hundred reaches, rounded up to a thousandth, at most 1. */
  threshold1Percent: number;
  unrelatedPairs: number;
  /** Worst first. */
  labels: LabelScore[];
}

const histogramBins = 2000;
/** Milliseconds of computing before the event loop gets its turn. */
const slice = 15;

/**
 * Looks every clip up among all clips of other groups. Where similarities are equal the wrong label comes
 * first, so that vectors which cannot tell sounds apart never look good.
 */
export async function scoreRetrieval(
  clips: readonly LabelledClip[],
  { threshold, signal }: { threshold: number; signal?: AbortSignal },
): Promise<RetrievalScores> {
  const vectors = new UnitVectors(clips.map((clip) => clip.features));
  const unrelated = new UnrelatedPairs(threshold);
  const tallies = new Map<string, { asked: number; right: number; wrong: Map<string, number> }>();
  let precisionSum = 0;
  let asked = 0;
  let right = 0;
  let turnStarted = performance.now();

  for (const [query, { label, group }] of clips.entries()) {
    const relevant: number[] = [];
    const others: number[] = [];
    let nearestOther = -1;
    let nearestSimilarity = Number.NEGATIVE_INFINITY;
    for (const [index, clip] of clips.entries()) {
      const sameGroup = clip.group === group;
      if (index === query || (sameGroup && clip.label === label)) continue;
      const similarity = vectors.similarity(query, index);
      // Different sounds of one recording or speaker must be kept apart too, and are the hardest.
      if (clip.label !== label && index > query) unrelated.add(similarity);
      if (sameGroup) continue;
      if (clip.label === label) {
        relevant.push(similarity);
      } else {
        others.push(similarity);
        if (similarity > nearestSimilarity) {
          nearestSimilarity = similarity;
          nearestOther = index;
        }
      }
    }
    if (performance.now() - turnStarted > slice) {
      await nextTurn();
      if (signal?.aborted) throw new EvaluationError('CANCELLED', 'The evaluation was stopped');
      turnStarted = performance.now();
    }
    if (relevant.length === 0) continue;
    asked += 1;
    precisionSum += averagePrecision(relevant, others);
    const found = relevant.some((similarity) => similarity > nearestSimilarity);
    if (found) right += 1;
    const tally = tallies.get(label) ?? { asked: 0, right: 0, wrong: new Map<string, number>() };
    tallies.set(label, tally);
    tally.asked += 1;
    if (found) tally.right += 1;
    else {
      const taken = clips[nearestOther]!.label;
      tally.wrong.set(taken, (tally.wrong.get(taken) ?? 0) + 1);
    }
  }

  return {
    knn: right / asked,
    map: precisionSum / asked,
    asked,
    randomCosine: unrelated.mean,
    falseMatch: unrelated.shareOver,
    threshold1Percent: unrelated.quantile(0.99),
    unrelatedPairs: unrelated.count,
    labels: [...tallies]
      .map(([label, tally]) => {
        const confusedWith = [...tally.wrong].sort((a, b) => b[1] - a[1])[0]?.[0];
        return {
          label,
          asked: tally.asked,
          knn: tally.right / tally.asked,
          ...(confusedWith === undefined ? {} : { confusedWith }),
        };
      })
      .sort((a, b) => a.knn - b.knn || (a.label < b.label ? -1 : 1)),
  };
}

/** The mean, over the relevant clips, of the share of relevant ones among all that come no later. */
export function averagePrecision(relevant: readonly number[], others: readonly number[]): number {
  const wanted = Float64Array.from(relevant).sort().reverse();
  // before[k]: others that come before the k-th relevant clip but after the one before it.
  const before = new Uint32Array(wanted.length + 1);
  for (const similarity of others) {
    let low = 0;
    let high = wanted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (wanted[middle]! > similarity) low = middle + 1;
      else high = middle;
    }
    before[low]! += 1;
  }
  let seen = 0;
  let sum = 0;
  for (let k = 0; k < wanted.length; k += 1) {
    seen += before[k]!;
    sum += (k + 1) / (k + 1 + seen);
  }
  return sum / wanted.length;
}

/** Similarities of pairs that have nothing to do with each other, in constant memory. */
class UnrelatedPairs {
  count = 0;
  private readonly threshold: number;
  private sum = 0;
  private over = 0;
  private readonly histogram = new Uint32Array(histogramBins + 1);

  constructor(threshold: number) {
    this.threshold = threshold;
  }

  add(similarity: number): void {
    this.count += 1;
    this.sum += similarity;
    if (similarity >= this.threshold) this.over += 1;
    const bin = Math.floor(((similarity + 1) / 2) * histogramBins);
    this.histogram[Math.min(histogramBins, Math.max(0, bin))]! += 1;
  }

  get mean(): number {
    return this.sum / this.count;
  }

  get shareOver(): number {
    return this.over / this.count;
  }

  /** The upper edge of the bin that holds it. `NaN` where there is no pair. */
  quantile(part: number): number {
    if (this.count === 0) return Number.NaN;
    let seen = 0;
    let bin = 0;
    for (; bin < histogramBins; bin += 1) {
      seen += this.histogram[bin]!;
      if (seen >= part * this.count) break;
    }
    return Math.min(1, ((bin + 1) / histogramBins) * 2 - 1);
  }
}
