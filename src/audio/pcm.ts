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
}

/** What a source says of itself with its first chunk. */
export interface SourceInfo {
  /** Stable name of the source: a device, a path, a URL without credentials. */
  sourceId: string;
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
}
