import type { AudioWindow } from '../../src/audio/pcm.ts';
import type { WindowOutcome } from '../../src/bridge/embedded-window.ts';

/** Shorter than the model's own window: quick to embed, and each one different. */
const samplesPerWindow = 1600;
export const hopSamples = 800;

/** A window that is like no other, so that a vector tells which window it came from. */
export function windowOf(seq: number, options: { samples?: number; loudest?: number } = {}): AudioWindow {
  const { samples: count = samplesPerWindow, loudest } = options;
  const samples = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    samples[i] = 0.6 * Math.sin(i * (0.02 + seq * 0.0137)) + 0.3 * Math.sin(i * (1.1 + seq * 0.0071));
  }
  if (loudest !== undefined) samples[count >> 1] = loudest;
  return { seq, firstSample: seq * hopSamples, sampleRate: 16_000, samples, gap: false };
}

/** A file: gives the next window whenever it is asked. */
export async function* fileOf(count: number): AsyncGenerator<AudioWindow> {
  for (let seq = 0; seq < count; seq++) yield windowOf(seq);
}

/** What went wrong with a run over `fileOf(count)`; all 0 is right. */
export interface Faults {
  lost: number;
  doubled: number;
  outOfOrder: number;
  /** Answers whose vector is another window's. */
  wrong: number;
  failed: number;
}

/** Compares outcomes with the vectors that an undisturbed run gave. */
export function faultsOf(outcomes: readonly WindowOutcome[], expected: readonly Float32Array[]): Faults {
  const faults: Faults = { lost: 0, doubled: 0, outOfOrder: 0, wrong: 0, failed: 0 };
  const seen = new Set<number>();
  let last = -1;
  for (const outcome of outcomes) {
    const { seq, firstSample } = outcome.ok ? outcome.value : outcome.window;
    if (seen.has(seq)) faults.doubled++;
    seen.add(seq);
    if (seq < last) faults.outOfOrder++;
    last = seq;
    if (!outcome.ok) faults.failed++;
    else if (firstSample !== seq * hopSamples || !isSame(outcome.value.features, expected[seq]))
      faults.wrong++;
  }
  for (let seq = 0; seq < expected.length; seq++) if (!seen.has(seq)) faults.lost++;
  return faults;
}

export const noFaults: Faults = { lost: 0, doubled: 0, outOfOrder: 0, wrong: 0, failed: 0 };

function isSame(a: Float32Array, b: Float32Array | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((value, i) => Math.abs(value - b[i]!) < 1e-5);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** For `expect.poll`: on a busy machine a second may not be enough for what takes a millisecond. */
export const patiently = { timeout: 30_000, interval: 20 };
