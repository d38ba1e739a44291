import { defer, finalize, type Observable, Subject } from 'rxjs';
import type { AudioWindow, PcmChunk } from '../../src/audio/pcm.ts';
import { PowerSpectrum } from '../../src/audio/power-spectrum.ts';
import { BridgeError } from '../../src/bridge/bridge-error.ts';
import type { WindowOutcome } from '../../src/bridge/embedded-window.ts';
import type { EncoderIdentity, PatternMetadata, PatternQuery, StoredPattern } from '../../src/pattern.ts';
import type { FeatureBridge } from '../../src/pipelines/feature-bridge.ts';
import type { FeatureMemory } from '../../src/pipelines/feature-memory.ts';
import type { RecognisedMemory } from '../../src/recognition/recogniser.ts';
import type {
  NewStoredPattern,
  PatternChange,
  SimilarityOptions,
} from '../../src/storage/feature-storage.ts';
import { refusedLabels } from '../../src/storage/refused-labels.ts';

const spectrum = new PowerSpectrum(512);

/** A vector of 32 bands, so that like sounds have like vectors without a model. */
export function bandsOf(samples: Float32Array): Float32Array {
  const bands = new Float32Array(32);
  for (let at = 0; at + 512 <= samples.length; at += 512) {
    const power = spectrum.measure(samples, at);
    for (let bin = 0; bin < 256; bin++) bands[bin >> 3]! += power[bin]!;
  }
  const logs = bands.map((power) => Math.log10(1e-9 + power) + 9);
  const length = Math.hypot(...logs) || 1;
  return logs.map((value) => value / length);
}

/** A bridge without a server, for tests of what lies around it: timing, order, bounds, stopping. */
export class DoubleBridge implements FeatureBridge {
  /** Windows with these numbers fail. */
  failing = new Set<number>();
  /** Held windows; a real bridge has as many as its credit allows. */
  room = 4;
  /** Waited for before each answer. */
  work: () => Promise<void> = async () => undefined;
  pulled = 0;
  answered = 0;
  sessions = 0;

  async *processAudioStream(
    windows: AsyncIterable<AudioWindow>,
    options: { signal?: AbortSignal } = {},
  ): AsyncGenerator<WindowOutcome, void, undefined> {
    this.sessions++;
    const held: AudioWindow[] = [];
    try {
      for await (const window of windows) {
        this.pulled++;
        held.push(window);
        if (held.length >= this.room) yield await this.#answer(held.shift()!);
        if (options.signal?.aborted) throw new BridgeError('CANCELLED', 'Stopped.');
      }
      while (held.length > 0) yield await this.#answer(held.shift()!);
    } finally {
      this.sessions--;
    }
  }

  async #answer(window: AudioWindow): Promise<WindowOutcome> {
    await this.work();
    this.answered++;
    const { seq, firstSample, gap, sampleRate, samples } = window;
    const reference = { seq, firstSample, gap, sampleCount: samples.length };
    if (this.failing.has(seq)) {
      return { ok: false, error: new BridgeError('MODEL_FAILED', 'The model failed.'), window: reference };
    }
    const model = { name: 'bands', revision: '000000000000' };
    return { ok: true, value: { ...reference, sampleRate, features: bandsOf(samples), model } };
  }
}

/** A memory without a disk. */
export class DoubleMemory implements FeatureMemory, RecognisedMemory {
  readonly patterns = new Map<string, StoredPattern>();
  readonly batches: number[] = [];
  /** Waited for before each answer. */
  work: () => Promise<void> = async () => undefined;
  readonly #changes = new Subject<PatternChange>();
  watchers = 0;

  async storePatterns(entries: NewStoredPattern[]): Promise<string[]> {
    await this.work();
    this.batches.push(entries.length);
    return entries.map(({ pattern, metadata }, i) => {
      const id = pattern.id ?? `${this.patterns.size}-${i}`;
      const now = this.patterns.size;
      const stored = {
        pattern: { ...pattern, id },
        metadata: { createdAt: now, lastModified: now, ...metadata } as PatternMetadata,
      };
      this.patterns.set(id, stored);
      this.#changes.next({ kind: 'stored', id, stored });
      return id;
    });
  }

  async findSimilarPatterns(features: Float32Array, options: SimilarityOptions = {}) {
    await this.work();
    const { similarityThreshold = -1, maxResults = 100 } = options;
    return [...this.patterns.values()]
      .map((stored) => ({ ...stored, similarity: cosine(features, stored.pattern.features) }))
      .filter(({ similarity }) => similarity >= similarityThreshold)
      .toSorted((a, b) => b.similarity - a.similarity)
      .slice(0, maxResults);
  }

  async queryPatterns({ label, notLabel, limit = 100 }: PatternQuery = {}): Promise<StoredPattern[]> {
    await this.work();
    const all = [...this.patterns.values()].filter(
      ({ metadata }) =>
        (label === undefined || metadata.label === label) &&
        (notLabel === undefined || refusedLabels(metadata).includes(notLabel)),
    );
    return all.toReversed().slice(0, limit);
  }

  async stats(): Promise<{ labels: Record<string, number>; encoder?: EncoderIdentity }> {
    const labels: Record<string, number> = {};
    for (const { metadata } of this.patterns.values()) {
      if (metadata.label !== undefined) labels[metadata.label] = (labels[metadata.label] ?? 0) + 1;
    }
    return { labels };
  }

  watch(): Observable<PatternChange> {
    return defer(() => {
      this.watchers++;
      return this.#changes.pipe(finalize(() => this.watchers--));
    });
  }

  forget(id: string): void {
    this.patterns.delete(id);
    this.#changes.next({ kind: 'deleted', id });
  }
}

export function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (const [i, value] of a.entries()) sum += value * b[i]!;
  return sum / (Math.hypot(...a) * Math.hypot(...b) || 1);
}

/** Chunks of 100 ms of a signal, as a source would give them. */
export function chunksOf(samples: Float32Array, sourceId?: string): PcmChunk[] {
  const chunks: PcmChunk[] = [];
  for (let at = 0; at < samples.length; at += 1600) {
    const chunk: PcmChunk = {
      samples: samples.slice(at, at + 1600),
      sampleRate: 16_000,
      firstSample: at,
      gap: false,
    };
    chunks.push(sourceId === undefined ? chunk : { ...chunk, sourceId });
  }
  return chunks;
}

export function windowsOf(count: number): AudioWindow[] {
  return Array.from({ length: count }, (_, seq) => ({
    seq,
    firstSample: 800 * seq,
    sampleRate: 16_000,
    samples: Float32Array.from({ length: 800 }, (_, i) => Math.sin(i * (0.1 + 0.01 * seq))),
    gap: false,
  }));
}
