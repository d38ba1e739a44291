import type { FrequencyRange } from '../pattern.ts';

/** A run of mono samples as it leaves a source. Time is counted in samples since the source's start. */
export interface PcmChunk {
  /** Mono samples in [-1, 1]. */
  samples: Float32Array;
  /** Hertz. */
  sampleRate: number;
  /** Index of `samples[0]` since the source's start, so that losses and reconnections never shift time. */
  firstSample: number;
  /** True when audio between the previous chunk and this one was lost. */
  gap: boolean;
  /** Where the audio came from. A folder changes it with each file; time then starts again at sample 0. */
  sourceId?: string;
  /**
   * Wall-clock time of sample 0 in milliseconds since 1970, where the source knows it. Of a later chunk it may be
   * another: it follows the clock.
   */
  startedAt?: number;
}

/** What a source says of itself before its first chunk. */
export interface SourceInfo {
  /** Stable name of the source: a device, a path, a URL without credentials. */
  sourceId: string;
  /** Hertz. */
  sampleRate: number;
  /** Wall-clock time of sample 0 in milliseconds since 1970, where the source knows it. */
  startedAt?: number;
}

/**
 * A piece of audio that becomes one feature vector: a fixed window or one detected sound.
 * `seq` counts from 0 without holes within one stream.
 */
export interface AudioWindow {
  seq: number;
  firstSample: number;
  sampleRate: number;
  samples: Float32Array;
  /** True when audio before this window was lost, so that nothing is joined across the hole. */
  gap: boolean;
  sourceId?: string;
  /** Wall-clock time of sample 0 in milliseconds since 1970, where the source knows it. */
  startedAt?: number;
}

/** One detected sound. `samples` holds a little of what was before and after it. */
export interface SoundSegment extends AudioWindow {
  /** Index of the sound's first sample since the source's start; `firstSample <= soundStart`. */
  soundStart: number;
  /** Index after the sound's last sample. */
  soundEnd: number;
  /** The band that holds the sound's energy over the background, in hertz. */
  frequencyRange: FrequencyRange;
  /** Loudness of the sound in dBFS (root mean square; a full-scale sine is -3). */
  level: number;
  /** Decibels over the running background. */
  overBackground: number;
  /** True when the sound went on and was cut here because of `maxLengthMs`; the next segment continues it. */
  cut: boolean;
}
