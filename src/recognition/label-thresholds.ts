import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LabelledExamples } from './labelled-examples.ts';

/** What the memory's own examples say about when to believe a label. */
export interface LearntThresholds {
  /** By label: the similarity at which the label is as likely as not. */
  thresholds: ReadonlyMap<string, number>;
  /** How quickly the chance rises with the similarity over the threshold: per 1 of similarity, in logits. */
  steepness: number;
}

/**
 * How many comparable examples of a label count as much as the assumed threshold. On the labelled sets beside
 * the project the confidence then is what it says (0.7 right in 60 to 75 % of the cases, 0.9 in 80 to 95 %).
 */
const trustedExamples = 1;
/** The logistic curve that is assumed before there is anything to learn from, and how much it counts. */
export const assumedSteepness = 15;
const assumedWeight = 8;
/** Milliseconds of learning before the event loop has its turn. */
const turnMs = 5;

/** By label: similarities to its examples. */
type Similarities = ReadonlyMap<string, readonly number[]>;

/**
 * Learns from the examples themselves, each in turn asked about as if it had not been taught: how like is a
 * sound to its own label, and how like are other labels' sounds to it? The threshold lies between the two,
 * near `assumed` as long as a label has few examples.
 */
export async function learnThresholds(
  examples: LabelledExamples,
  assumed: number,
  signal?: AbortSignal,
): Promise<LearntThresholds> {
  const own = new Map<string, number[]>();
  const others = new Map<string, number[]>();
  let turn = performance.now();
  const breathe = async () => {
    if (performance.now() - turn <= turnMs) return;
    await nextTurn();
    signal?.throwIfAborted();
    turn = performance.now();
  };
  for (let row = 0; row < examples.size; row++) {
    const known = examples.label(row);
    // It may be any of the labels that it was not said not to be.
    if (known === undefined) continue;
    for (const { label, similarity } of examples.scoreWithout(row)) {
      const lists = label === known ? own : others;
      const list = lists.get(label);
      if (list === undefined) lists.set(label, [similarity]);
      else list.push(similarity);
    }
    await breathe();
  }
  const thresholds = new Map<string, number>();
  for (const label of examples.labels) {
    thresholds.set(label, threshold(own.get(label) ?? [], others.get(label) ?? [], assumed));
    await breathe();
  }
  return { thresholds, steepness: await fitSteepness(own, others, thresholds, breathe) };
}

function threshold(own: readonly number[], others: readonly number[], assumed: number): number {
  if (own.length === 0) {
    // One example says nothing of how much its sound varies, but a known other sound must not pass for it.
    return others.length === 0 ? assumed : Math.max(assumed, Math.min(0.95, quantile(others, 0.95)));
  }
  const low = quantile(own, 0.2);
  const between = others.length === 0 ? Math.min(assumed, low) : (low + quantile(others, 0.95)) / 2;
  return (trustedExamples * assumed + own.length * between) / (trustedExamples + own.length);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (position - below) * (sorted[above]! - sorted[below]!);
}

/**
 * Fits the logistic curve through the thresholds that best explains which similarities were right. Right and
 * wrong ones count the same in sum, and the assumed curve counts as a few observations.
 */
async function fitSteepness(
  own: Similarities,
  others: Similarities,
  thresholds: ReadonlyMap<string, number>,
  breathe: () => Promise<void>,
): Promise<number> {
  const [right, wrong] = [count(own), count(others)];
  const observations = Math.min(right, wrong);
  const sides = [
    { side: 1, similarities: own, weight: observations / Math.max(1, right) },
    { side: 0, similarities: others, weight: observations / Math.max(1, wrong) },
  ];
  let steepness = assumedSteepness;
  for (let step = 0; step < 20; step++) {
    let gradient = 0;
    let curvature = 1e-9;
    const observe = (margin: number, side: number, weight: number) => {
      const chance = logistic(steepness * margin);
      gradient += weight * margin * (side - chance);
      curvature += weight * margin * margin * chance * (1 - chance);
    };
    for (const { side, similarities, weight } of sides) {
      for (const [label, list] of similarities) {
        for (const similarity of list) observe(similarity - thresholds.get(label)!, side, weight);
        await breathe();
      }
    }
    for (const margin of [-0.1, 0.1]) observe(margin, logistic(assumedSteepness * margin), assumedWeight / 2);
    steepness = Math.max(4, Math.min(60, steepness + Math.max(-5, Math.min(5, gradient / curvature))));
  }
  return steepness;
}

function count(similarities: Similarities): number {
  let all = 0;
  for (const list of similarities.values()) all += list.length;
  return all;
}

export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
