import { setImmediate as nextTurn } from 'node:timers/promises';
import { auroc } from './auroc.ts';
import { EvaluationError } from './evaluation-error.ts';
import type { LabelledClip } from './labelled-clip.ts';
import { SeededRandom } from './seeded-random.ts';
import { dot, UnitVectors } from './unit-vectors.ts';

export interface Spread {
  mean: number;
  /** Standard deviation over the draws. */
  deviation: number;
}

export interface FewShotScores {
  /** Examples that each label was taught with. */
  shots: number;
  draws: number;
  /** Share of known sounds that get their own name. */
  accuracy: Spread;
  /** Area under the ROC curve of known against unknown sounds. Absent with fewer than three labels. */
  auroc?: Spread;
}

export interface FewShotOptions {
  shots: number;
  /** Default 1. */
  seed?: number;
  signal?: AbortSignal;
}

/** Of the labels of a draw, those that are not taught and should be recognised as unknown. */
const unknownShare = 1 / 3;
/** Of the groups of a draw, those that are only asked about. */
const askedShare = 1 / 4;
const mostDraws = 100;
/** Multiplications after which no further draw begins, about ten seconds; three draws are always made. */
const workLimit = 1e10;

/**
 * The way in which people use a sound memory: each label is taught with a few examples, of which the middle
 * is kept, and then asked with clips of groups that taught nothing, a third of whose labels were never taught.
 * `undefined` where the clips do not suffice for that.
 */
export async function scoreFewShot(
  clips: readonly LabelledClip[],
  { shots, seed = 1, signal }: FewShotOptions,
): Promise<FewShotScores | undefined> {
  const vectors = new UnitVectors(clips.map((clip) => clip.features));
  const random = new SeededRandom(seed);
  const accuracies: number[] = [];
  const separations: number[] = [];
  let work = 0;
  for (let draw = 0; draw < mostDraws && (draw < 3 || work < workLimit); draw += 1) {
    await nextTurn();
    if (signal?.aborted) throw new EvaluationError('CANCELLED', 'The evaluation was stopped');
    const lesson = drawLesson(clips, shots, random);
    if (lesson === undefined) continue;
    const taught = lesson.taught.map(({ label, examples }) => ({
      label,
      centre: vectors.centroid(examples),
    }));
    work += taught.length * lesson.asked.length * vectors.dimensions;
    const known: number[] = [];
    const unknown: number[] = [];
    let right = 0;
    for (const index of lesson.asked) {
      const clip = clips[index]!;
      const answer = nearest(vectors.row(index), taught);
      if (lesson.unknown.has(clip.label)) unknown.push(answer.similarity);
      else {
        known.push(answer.similarity);
        if (answer.label === clip.label) right += 1;
      }
    }
    accuracies.push(right / known.length);
    if (unknown.length > 0) separations.push(auroc(known, unknown));
  }
  if (accuracies.length === 0) return undefined;
  return {
    shots,
    draws: accuracies.length,
    accuracy: spread(accuracies),
    ...(separations.length === 0 ? {} : { auroc: spread(separations) }),
  };
}

interface Lesson {
  taught: { label: string; examples: number[] }[];
  unknown: ReadonlySet<string>;
  /** Clips of known and unknown labels, none of a group that an example is of. */
  asked: number[];
}

function drawLesson(clips: readonly LabelledClip[], shots: number, random: SeededRandom): Lesson | undefined {
  const groups = random.shuffle([...new Set(clips.map((clip) => clip.group))]);
  const askedGroups = new Set(groups.slice(0, Math.max(1, Math.round(groups.length * askedShare))));
  const examples = new Map<string, number[]>();
  const questions = new Map<string, number[]>();
  for (const index of random.shuffle([...clips.keys()])) {
    const { label, group } = clips[index]!;
    const side = askedGroups.has(group) ? questions : examples;
    const indices = side.get(label);
    if (indices === undefined) side.set(label, [index]);
    else indices.push(index);
  }
  const teachable = [...examples].filter(([, indices]) => indices.length >= shots).map(([label]) => label);
  const labels = random.shuffle(teachable.sort());
  const unknown = new Set(labels.slice(0, labels.length < 3 ? 0 : Math.round(labels.length * unknownShare)));
  const taught = labels
    .filter((label) => !unknown.has(label))
    .map((label) => ({ label, examples: examples.get(label)!.slice(0, shots) }));
  const known = taught.flatMap(({ label }) => questions.get(label) ?? []);
  if (taught.length < 2 || known.length === 0) return undefined;
  const strange = [...unknown].flatMap((label) => questions.get(label) ?? []);
  return { taught, unknown, asked: [...known, ...strange] };
}

function nearest(
  vector: Float32Array,
  taught: readonly { label: string; centre: Float32Array }[],
): { label: string; similarity: number } {
  let best = { label: '', similarity: Number.NEGATIVE_INFINITY };
  for (const { label, centre } of taught) {
    const similarity = dot(vector, centre);
    if (similarity > best.similarity) best = { label, similarity };
  }
  return best;
}

function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}
