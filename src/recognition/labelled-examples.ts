import type { EncoderIdentity, PatternQuery, StoredPattern } from '../pattern.ts';
import { refusedLabels } from '../storage/refused-labels.ts';

/** What recognition needs of a memory; `FeatureStorage` is one. */
export interface LabelledMemory {
  /** How many patterns carry each label, and the encoder that filled the memory, where that is known. */
  stats(): Promise<{ labels: Record<string, number>; encoder?: EncoderIdentity }>;
  queryPatterns(query?: PatternQuery): Promise<StoredPattern[]>;
}

/** Likeness of a sound to the examples of one label. */
export interface LabelScore {
  label: string;
  /** Mean of the two most similar examples; of the one, where there is only one. */
  similarity: number;
  /** Row of the most similar example. */
  nearest: number;
}

/** Of a label that was heard thousands of times the newest examples suffice. */
const mostPerLabel = 50;
const mostInAll = 2000;
/** Seconds; examples nearer than this in one source are the same hearing, cut twice. */
const sameHearing = 0.5;

/**
 * The labelled patterns of a memory, and those that were taught as not being one of the labels, ready to be compared:
 * newest first, a bounded number of each label.
 */
export class LabelledExamples {
  readonly labels: readonly string[];
  /** That made their vectors, where it is known. */
  readonly encoder: EncoderIdentity | undefined;
  /** Of each vector; 0 where there is none. */
  readonly dimensions: number;
  readonly #patterns: readonly StoredPattern[];
  readonly #labelOf: Uint16Array;
  /** One row of length 1 for each example. */
  readonly #rows: Float32Array;
  /** Similarity to each row of the sound that was asked for last. */
  readonly #similarities: Float32Array;
  /** For each label, the rows that were taught as not being it. */
  readonly #refusals = new Map<string, number[]>();

  constructor(patterns: readonly StoredPattern[], encoder?: EncoderIdentity) {
    this.encoder = encoder;
    this.dimensions = patterns[0]?.pattern.features.length ?? 0;
    // What another encoder has made cannot be compared.
    this.#patterns = patterns.filter(({ pattern }) => pattern.features.length === this.dimensions);
    const names = new Set(this.#patterns.flatMap(({ metadata }) => metadata.label ?? []));
    this.labels = [...names];
    const index = new Map(this.labels.map((label, i) => [label, i]));
    this.#labelOf = Uint16Array.from(
      this.#patterns,
      ({ metadata }) => index.get(metadata.label ?? '') ?? noLabel,
    );
    this.#rows = new Float32Array(this.#patterns.length * this.dimensions);
    this.#similarities = new Float32Array(this.#patterns.length);
    for (const [row, { pattern, metadata }] of this.#patterns.entries()) {
      this.#rows.set(unit(pattern.features), row * this.dimensions);
      for (const refused of refusedLabels(metadata)) {
        this.#refusals.set(refused, [...(this.#refusals.get(refused) ?? []), row]);
      }
    }
  }

  /** Reads the newest examples and counterexamples of each label. */
  static async read(memory: LabelledMemory): Promise<LabelledExamples> {
    const { labels, encoder } = await memory.stats();
    const names = Object.keys(labels);
    const limit = Math.max(1, Math.min(mostPerLabel, Math.floor(mostInAll / Math.max(1, names.length))));
    const patterns = new Map<string, StoredPattern>();
    for (const criterion of ['label', 'notLabel'] as const) {
      for (const label of names.slice(0, mostInAll)) {
        const newest = { [criterion]: label, limit, sortBy: 'createdAt', sortDirection: 'desc' } as const;
        for (const stored of await memory.queryPatterns(newest)) patterns.set(stored.pattern.id, stored);
      }
    }
    return new LabelledExamples([...patterns.values()], encoder);
  }

  get size(): number {
    return this.#patterns.length;
  }

  id(row: number): string {
    return this.#patterns[row]!.pattern.id;
  }

  /** Undefined for what was only taught as not being something. */
  label(row: number): string | undefined {
    return this.labels[this.#labelOf[row]!];
  }

  has(id: string): boolean {
    return this.#patterns.some(({ pattern }) => pattern.id === id);
  }

  /** How like a sound is to each label, and to what was taught as not being it. */
  score(features: Float32Array): LabelScore[] {
    this.#compare(unit(features));
    return this.#scores(() => true);
  }

  /** The scores of example `row` as if it and other cuts of the same hearing had not been taught. */
  scoreWithout(row: number): LabelScore[] {
    this.#compare(this.#rows.subarray(row * this.dimensions, (row + 1) * this.dimensions));
    return this.#scores((other) => other !== row && !this.#sameHearing(row, other));
  }

  /** How like the sound that was scored last is to an example that was taught as not being `label`. */
  refusal(label: string): number {
    let best = -1;
    for (const row of this.#refusals.get(label) ?? []) best = Math.max(best, this.#similarities[row]!);
    return best;
  }

  #compare(vector: Float32Array): void {
    const rows = this.#rows;
    const dimensions = this.dimensions;
    for (let row = 0; row < this.#similarities.length; row++) {
      let sum = 0;
      for (let i = 0, at = row * dimensions; i < dimensions; i++, at++) sum += vector[i]! * rows[at]!;
      this.#similarities[row] = sum;
    }
  }

  #scores(counts: (row: number) => boolean): LabelScore[] {
    const first = new Int32Array(this.labels.length).fill(-1);
    const second = new Int32Array(this.labels.length).fill(-1);
    const of = (row: number) => (row === -1 ? Number.NEGATIVE_INFINITY : this.#similarities[row]!);
    for (let row = 0; row < this.#similarities.length; row++) {
      const label = this.#labelOf[row]!;
      if (label === noLabel || of(row) <= of(second[label]!) || !counts(row)) continue;
      if (of(row) > of(first[label]!)) {
        second[label] = first[label]!;
        first[label] = row;
      } else {
        second[label] = row;
      }
    }
    return this.labels.flatMap((label, i) => {
      const nearest = first[i]!;
      if (nearest === -1) return [];
      const other = second[i]! === -1 ? nearest : second[i]!;
      return [{ label, similarity: (of(nearest) + of(other)) / 2, nearest }];
    });
  }

  #sameHearing(a: number, b: number): boolean {
    const one = this.#patterns[a]!;
    const two = this.#patterns[b]!;
    return (
      one.metadata.sourceId === two.metadata.sourceId &&
      one.pattern.startTime < two.pattern.endTime + sameHearing &&
      two.pattern.startTime < one.pattern.endTime + sameHearing
    );
  }
}

const noLabel = 0xffff;

function unit(features: Float32Array): Float32Array {
  let sum = 0;
  for (const value of features) sum += value * value;
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  return features.map((value) => value * scale);
}
