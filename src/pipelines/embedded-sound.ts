import { randomUUID } from 'node:crypto';
import { measureFrequencyRange } from '../audio/frequency-range.ts';
import { measureLevel } from '../audio/level.ts';
import type { AudioWindow, SoundSegment } from '../audio/pcm.ts';
import type { BridgeError } from '../bridge/bridge-error.ts';
import type { EmbeddedWindow, WindowReference } from '../bridge/embedded-window.ts';
import type { FrequencyRange, Pattern } from '../pattern.ts';

/** What became of a window: a value, or the reason why there is none. */
export type Outcome<T> =
  | { ok: true; value: T }
  | { ok: false; error: BridgeError; window: WindowReference & { sourceId?: string } };

/** A window's vector together with what was measured of its samples. */
export interface EmbeddedSound extends EmbeddedWindow {
  sourceId?: string;
  /** Wall-clock time of the source's sample 0 in milliseconds since 1970, where known. */
  startedAt?: number;
  /** Seconds since the source's start: of the sound itself where it was segmented, else of the window. */
  startTime: number;
  endTime: number;
  /** The band that holds the sound, in hertz. */
  frequencyRange: FrequencyRange;
  /** dBFS. */
  level: number;
  /** Decibels over the background; only where the sound was segmented. */
  overBackground?: number;
  /** The window's audio, where `keepSamples` was asked for. */
  samples?: Float32Array;
}

/** Joins a window and its vector. */
export function describeSound(window: AudioWindow | SoundSegment, embedded: EmbeddedWindow): EmbeddedSound {
  const segment = 'soundStart' in window ? window : undefined;
  const start = segment?.soundStart ?? window.firstSample;
  const end = segment?.soundEnd ?? window.firstSample + window.samples.length;
  const sound: EmbeddedSound = {
    ...embedded,
    startTime: start / window.sampleRate,
    endTime: end / window.sampleRate,
    frequencyRange: segment?.frequencyRange ?? measureFrequencyRange(window.samples, window.sampleRate),
    level: segment?.level ?? measureLevel(window.samples).level,
  };
  if (segment !== undefined) sound.overBackground = segment.overBackground;
  if (window.sourceId !== undefined) sound.sourceId = window.sourceId;
  if (window.startedAt !== undefined) sound.startedAt = window.startedAt;
  return sound;
}

/** The pattern that a memory stores of a sound. Without an `id` it gets a random one. */
export function soundPattern(
  sound: EmbeddedSound,
  details: { id?: string; type?: string; confidence?: number } = {},
): Pattern {
  return {
    id: details.id ?? randomUUID(),
    startTime: sound.startTime,
    endTime: sound.endTime,
    frequencyRange: sound.frequencyRange,
    confidence: details.confidence ?? 1,
    type: details.type ?? 'sound',
    features: sound.features,
  };
}
