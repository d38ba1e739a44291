import { likeness } from './sketch.ts';

/** Sounds by row number in `sketches`. */
export interface SuggestionInput {
  sketches: Float32Array;
  /** Sounds without a label. */
  unlabelled: Uint32Array;
  /** Sounds with a label, `labels` beside them. */
  labelled: Uint32Array;
  /** The label's number for each of `labelled`. */
  labels: Uint32Array;
  /** Likeness from which two sounds count as the same, while too few labels are there to learn it from. */
  threshold: number;
}

/** Sounds without a label that are like each other: one label does for all. */
export interface SoundGroup {
  /** The sound that is most like all the others, then the others, the most like it first. */
  rows: number[];
  /** The label of the nearest labelled sound, where that one is like enough. */
  guess?: number;
}

/** A sound between two labels: naming it teaches the most. */
export interface UncertainSound {
  row: number;
  labels: [number, number];
}

/** A sound whose neighbours carry another label. */
export interface Contradiction {
  row: number;
  label: number;
  suggested: number;
}

export interface RowSuggestions {
  groups: SoundGroup[];
  uncertain: UncertainSound[];
  contradictions: Contradiction[];
  /** The likeness that was used to tell same from different. */
  threshold: number;
}

const neighbours = 5;
/** Of the nearest neighbours, this many must agree on another label before a label is called wrong. */
const agreeing = 4;
const shownGroups = 20;
const shownSounds = 20;
/** Enough labelled sounds to learn from what "the same" means. */
const calibrationSounds = 400;

/** What is worth labelling or mending next. The cost grows with the square of the input; a few thousand take a second. */
export function suggest(input: SuggestionInput): RowSuggestions {
  const threshold = learntThreshold(input) ?? input.threshold;
  const groups = likeGroups(input.sketches, input.unlabelled, threshold);
  const grouped = new Set(groups.flatMap((group) => group.rows));
  for (const group of groups) {
    const nearest = nearestPerLabel(input, group.rows[0] as number)[0];
    if (nearest && nearest.likeness >= threshold) group.guess = nearest.label;
  }
  const uncertain: (UncertainSound & { margin: number })[] = [];
  for (const row of input.unlabelled) {
    if (grouped.has(row)) continue;
    const [first, second] = nearestPerLabel(input, row);
    // Far from everything is unknown, not undecided.
    if (!first || !second || first.likeness < threshold - 0.1) continue;
    const margin = first.likeness - second.likeness;
    if (margin < 0.05) uncertain.push({ row, labels: [first.label, second.label], margin });
  }
  uncertain.sort((one, other) => one.margin - other.margin);
  return {
    groups: groups.slice(0, shownGroups),
    uncertain: uncertain.slice(0, shownSounds).map(({ row, labels }) => ({ row, labels })),
    contradictions: contradictions(input, threshold).slice(0, shownSounds),
    threshold,
  };
}

/** The nearest labelled sounds of a sound: the best one of each label, best first. */
export function nearestPerLabel(
  { sketches, labelled, labels }: Pick<SuggestionInput, 'sketches' | 'labelled' | 'labels'>,
  row: number,
): { row: number; label: number; likeness: number }[] {
  const best = new Map<number, { row: number; label: number; likeness: number }>();
  for (let i = 0; i < labelled.length; i++) {
    const other = labelled[i] as number;
    if (other === row) continue;
    const value = likeness(sketches, row, other);
    const label = labels[i] as number;
    if (value > (best.get(label)?.likeness ?? -2)) best.set(label, { row: other, label, likeness: value });
  }
  return [...best.values()].sort((one, other) => other.likeness - one.likeness);
}

/** Groups around the sounds with the most like ones; sounds that stand alone are in none. Largest first. */
function likeGroups(sketches: Float32Array, rows: Uint32Array, threshold: number): SoundGroup[] {
  const like: number[][] = Array.from(rows, () => []);
  for (let i = 0; i < rows.length; i++) {
    for (let j = i + 1; j < rows.length; j++) {
      if (likeness(sketches, rows[i] as number, rows[j] as number) < threshold) continue;
      (like[i] as number[]).push(j);
      (like[j] as number[]).push(i);
    }
  }
  // A star around one sound rather than a chain: at the ends of a chain lie different sounds.
  const order = Array.from(rows.keys()).sort(
    (one, other) => (like[other] as number[]).length - (like[one] as number[]).length || one - other,
  );
  const taken = new Uint8Array(rows.length);
  const groups: SoundGroup[] = [];
  for (const centre of order) {
    if (taken[centre]) continue;
    taken[centre] = 1;
    const members = (like[centre] as number[]).filter((member) => !taken[member]);
    if (members.length === 0) continue;
    for (const member of members) taken[member] = 1;
    const centreRow = rows[centre] as number;
    const others = members.map((member) => rows[member] as number);
    others.sort((one, other) => likeness(sketches, centreRow, other) - likeness(sketches, centreRow, one));
    groups.push({ rows: [centreRow, ...others] });
  }
  return groups.sort((one, other) => other.rows.length - one.rows.length);
}

function contradictions(input: SuggestionInput, threshold: number): Contradiction[] {
  const { sketches, labelled, labels } = input;
  const found: (Contradiction & { strength: number })[] = [];
  for (let i = 0; i < labelled.length; i++) {
    const row = labelled[i] as number;
    const nearest: { label: number; likeness: number }[] = [];
    for (let j = 0; j < labelled.length; j++) {
      if (j === i) continue;
      const value = likeness(sketches, row, labelled[j] as number);
      if (nearest.length === neighbours && value <= (nearest[neighbours - 1]?.likeness ?? 0)) continue;
      let slot = nearest.length;
      while (slot > 0 && value > (nearest[slot - 1]?.likeness ?? 0)) slot--;
      nearest.splice(slot, 0, { label: labels[j] as number, likeness: value });
      nearest.length = Math.min(nearest.length, neighbours);
    }
    const label = labels[i] as number;
    const votes = new Map<number, number>();
    for (const neighbour of nearest) {
      if (neighbour.likeness >= threshold - 0.1)
        votes.set(neighbour.label, (votes.get(neighbour.label) ?? 0) + 1);
    }
    for (const [suggested, count] of votes) {
      if (suggested === label || count < agreeing) continue;
      found.push({ row, label, suggested, strength: count + (nearest[0]?.likeness ?? 0) });
    }
  }
  found.sort((one, other) => other.strength - one.strength);
  return found.map(({ row, label, suggested }) => ({ row, label, suggested }));
}

/** The likeness that best parts pairs of one label from pairs of two, or undefined with too few of either. */
function learntThreshold({ sketches, labelled, labels }: SuggestionInput): number | undefined {
  const bins = 200;
  const same = new Float64Array(bins + 1);
  const different = new Float64Array(bins + 1);
  const stride = Math.max(1, Math.floor(labelled.length / calibrationSounds));
  for (let i = 0; i < labelled.length; i += stride) {
    for (let j = i + stride; j < labelled.length; j += stride) {
      const value = Math.max(0, likeness(sketches, labelled[i] as number, labelled[j] as number));
      const bin = Math.min(bins, Math.floor(value * bins));
      const histogram = labels[i] === labels[j] ? same : different;
      histogram[bin] = (histogram[bin] as number) + 1;
    }
  }
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  const sames = sum(same);
  const differents = sum(different);
  if (sames < 10 || differents < 10) return undefined;
  let best = -1;
  let from = 0;
  let to = 0;
  let kept = sames;
  let wrong = differents;
  for (let bin = 0; bin <= bins; bin++) {
    const gain = kept / sames - wrong / differents;
    if (gain > best + 1e-9) from = bin;
    if (gain > best - 1e-9) to = bin;
    best = Math.max(best, gain);
    kept -= same[bin] as number;
    wrong -= different[bin] as number;
  }
  // Between kinds that lie far apart any cut is as good: the middle is the safest.
  return (from + to) / 2 / bins;
}
