import type { EmbeddedSound } from '../../src/pipelines/embedded-sound.ts';
import { PullObservable } from '../../src/pipelines/pull-observable.ts';

/** Sounds of a second each, whose vectors turn slowly from one to the next. */
export function soundsOf(count: number, more: Partial<EmbeddedSound> = {}): EmbeddedSound[] {
  return Array.from({ length: count }, (_, seq) => ({
    seq,
    firstSample: 16_000 * seq,
    sampleCount: 16_000,
    sampleRate: 16_000,
    gap: false,
    features: vector(seq / 100),
    model: { name: 'angles', revision: '000000000000' },
    startTime: seq,
    endTime: seq + 1,
    frequencyRange: { low: 100, high: 200 },
    level: -20,
    ...more,
  }));
}

/** A vector of length 1 in the direction of an angle, in turns. */
export function vector(turns: number): Float32Array {
  return Float32Array.of(Math.cos(2 * Math.PI * turns), Math.sin(2 * Math.PI * turns));
}

export function pulled<T>(values: readonly T[]): PullObservable<T> {
  return new PullObservable(async function* () {
    yield* values;
  });
}

/** Lets everything happen that is ready to. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
