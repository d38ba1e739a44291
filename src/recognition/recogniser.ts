import type { Observable, Subscription } from 'rxjs';
import { refuseOutside } from '../audio/audio-error.ts';
import type { EncoderIdentity, StoredPattern } from '../pattern.ts';
import { checkFeatures } from '../storage/checked-pattern.ts';
import { refuseOtherEncoder } from '../storage/encoder-mismatch.ts';
import { refusedLabels } from '../storage/refused-labels.ts';
import { backgroundLabel } from './background-label.ts';
import { assumedSteepness, type LearntThresholds, learnThresholds } from './label-thresholds.ts';
import { LabelledExamples, type LabelledMemory } from './labelled-examples.ts';
import type { LabelVote, Recognition } from './recognition.ts';

export interface RecogniserOptions {
  /**
   * The similarity, -1 to 1, from which two sounds are taken for the same before the memory has taught better.
   * Best the encoder's `calibration.defaultThreshold`. Default 0.6.
   */
  threshold?: number;
  /** A label is given only with at least this confidence, 0 to 1. Default 0.5. */
  minimumConfidence?: number;
  /** Labels that stand for background: a sound most like one of them is unknown. Default `['background']`. */
  backgroundLabels?: readonly string[];
}

/** A memory that tells what changes in it; `FeatureStorage` is one. */
export interface RecognisedMemory extends LabelledMemory {
  watch?(): Observable<
    { kind: 'stored' | 'updated'; id: string; stored: StoredPattern } | { kind: 'deleted'; id: string }
  >;
}

const mostVotes = 5;
const untaught: LearntThresholds = { thresholds: new Map(), steepness: assumedSteepness };

/**
 * Tells which of the labels in a memory a sound is, or that it is none of them. What is labelled, corrected or
 * deleted in the memory is taken up by itself.
 *
 * A pattern whose label is one of `backgroundLabels` stands for what is to be ignored. One that has `notLabel: 'doorbell'`
 * in its metadata, with or without a label of its own, says that a sound like it is no doorbell, however like one it may
 * be.
 */
export class Recogniser {
  readonly #memory: RecognisedMemory;
  readonly #options: Required<RecogniserOptions>;
  #examples: LabelledExamples | undefined;
  #learnt: LearntThresholds = untaught;
  #reading: Promise<LabelledExamples> | undefined;
  #learning: Promise<void> | undefined;
  /** What changed in the memory is not yet in `#examples`, or not yet in `#learnt`. */
  #unread = true;
  #unlearnt = true;
  #changes: Subscription | undefined;
  readonly #closed = new AbortController();

  constructor(memory: RecognisedMemory, options: RecogniserOptions = {}) {
    this.#memory = memory;
    const { threshold = 0.6, minimumConfidence = 0.5, backgroundLabels = [backgroundLabel] } = options;
    refuseOutside('threshold', threshold, -1, 1);
    refuseOutside('minimumConfidence', minimumConfidence, 0, 1);
    this.#options = { threshold, minimumConfidence, backgroundLabels };
  }

  /**
   * Knows each example that is in the memory by now; the thresholds follow as soon as they are learnt. `encoder` is the
   * one that made the features, when known.
   * @throws StorageError of the memory; `ENCODER_MISMATCH` where another encoder filled it, `DIMENSIONS` where its
   * vectors are of another length.
   */
  async recognise(features: Float32Array, encoder?: EncoderIdentity): Promise<Recognition> {
    const first = this.#examples === undefined;
    const examples = await this.#read();
    if (encoder !== undefined && examples.encoder !== undefined)
      refuseOtherEncoder(examples.encoder, encoder);
    if (examples.size > 0) checkFeatures(features, examples.dimensions);
    if (this.#unlearnt) {
      const learning = this.#learn();
      if (first) await learning;
      else learning.catch(() => undefined); // It is tried again with the next sound.
    }
    return decide(examples, this.#learnt, features, this.#options);
  }

  /** Resolves when everything that is in the memory by now is known and learnt from. */
  async learn(): Promise<void> {
    await this.#read();
    while (this.#unlearnt && !this.#closed.signal.aborted) await this.#learn();
  }

  close(): void {
    this.#closed.abort();
    this.#changes?.unsubscribe();
  }

  async #read(): Promise<LabelledExamples> {
    this.#follow();
    // Many sounds may ask during one reading, but what changed since it began may not be in it.
    while (this.#unread && this.#reading !== undefined) await this.#reading.catch(() => undefined);
    if (this.#unread) this.#reading = this.#readAnew();
    return this.#reading ?? this.#examples!;
  }

  async #readAnew(): Promise<LabelledExamples> {
    this.#unread = false;
    try {
      this.#examples = await LabelledExamples.read(this.#memory);
      this.#unlearnt = true;
      if (this.#memory.watch === undefined) this.#unread = true;
      return this.#examples;
    } catch (error) {
      this.#unread = true;
      throw error;
    } finally {
      this.#reading = undefined;
    }
  }

  #learn(): Promise<void> {
    const learn = async (examples: LabelledExamples) => {
      this.#unlearnt = false;
      this.#learnt = await learnThresholds(examples, this.#options.threshold, this.#closed.signal);
    };
    this.#learning ??= learn(this.#examples!)
      .catch((error) => {
        this.#unlearnt = true;
        if (!this.#closed.signal.aborted) throw error;
      })
      .finally(() => {
        this.#learning = undefined;
      });
    return this.#learning;
  }

  /** Without `watch` each question reads the memory anew. */
  #follow(): void {
    const follows = this.#changes?.closed === false;
    if (follows || this.#memory.watch === undefined || this.#closed.signal.aborted) return;
    this.#changes = this.#memory.watch().subscribe({
      next: (change) => {
        const teaches =
          change.kind !== 'deleted' &&
          (change.stored.metadata.label !== undefined || refusedLabels(change.stored.metadata).length > 0);
        // What a reading has found by now is not known before its end.
        const isRead = change.kind !== 'stored' && this.#reading !== undefined;
        if (teaches || isRead || this.#examples?.has(change.id)) this.#unread = true;
      },
      error: () => {
        this.#unread = true;
      },
    });
  }
}

function decide(
  examples: LabelledExamples,
  { thresholds, steepness }: LearntThresholds,
  features: Float32Array,
  { threshold: assumed, minimumConfidence, backgroundLabels }: Required<RecogniserOptions>,
): Recognition {
  const scores = examples.score(features);
  if (scores.length === 0) return { reason: 'nothing-taught', confidence: 1, votes: [] };
  // "None of these" is an answer like the labels, as likely as a label at its threshold.
  const odds = scores.map(({ label, similarity }) => {
    const over = similarity - Math.max(thresholds.get(label) ?? assumed, examples.refusal(label));
    return Math.exp(steepness * over);
  });
  const all = odds.reduce((sum, value) => sum + value, 1);
  const votes: LabelVote[] = scores.map(({ label, similarity, nearest }, i) => ({
    label,
    confidence: odds[i]! / all,
    similarity,
    threshold: thresholds.get(label) ?? assumed,
    nearest: examples.id(nearest),
  }));
  votes.sort((a, b) => b.confidence - a.confidence);
  const best = votes[0]!;
  const top = votes.slice(0, mostVotes);
  if (backgroundLabels.includes(best.label) && best.confidence > 1 / all) {
    return { reason: 'background', confidence: best.confidence, votes: top };
  }
  if (best.confidence < minimumConfidence) {
    return { reason: 'none-of-these', confidence: 1 - best.confidence, votes: top };
  }
  return { label: best.label, confidence: best.confidence, votes: top };
}
