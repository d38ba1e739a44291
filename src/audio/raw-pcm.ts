import { AudioError } from './audio-error.ts';
import type { WavFormat } from './wav-format.ts';
import { mixFrames } from './wav-samples.ts';

/** How samples without a header are written. */
export interface RawPcmFormat {
  /** Little-endian 16-bit integers or 32-bit floats. Default `s16le`. */
  encoding?: 's16le' | 'f32le';
  /** Hertz, 1,000 to 768,000. Default 16,000. */
  sampleRate?: number;
  /** Interleaved channels, 1 to 64; they are mixed to one. Default 1. */
  channels?: number;
}

/** Joins bytes to mono samples, whichever way they were cut on their way. */
export class RawPcmDecoder {
  readonly sampleRate: number;
  readonly #format: WavFormat;
  #rest: Uint8Array = new Uint8Array(0);

  /** @throws AudioError `INVALID_ARGUMENT` */
  constructor({ encoding = 's16le', sampleRate = 16_000, channels = 1 }: RawPcmFormat = {}) {
    if (!Number.isInteger(channels) || channels < 1 || channels > 64) {
      throw new AudioError('INVALID_ARGUMENT', `${channels} channels: it must be a whole number of 1 to 64.`);
    }
    if (!Number.isInteger(sampleRate) || sampleRate < 1000 || sampleRate > 768_000) {
      throw new AudioError(
        'INVALID_ARGUMENT',
        `${sampleRate} Hz is not a sample rate of 1,000 to 768,000 Hz.`,
      );
    }
    const sampleBytes = { s16le: 2, f32le: 4 }[encoding];
    if (sampleBytes === undefined) {
      throw new AudioError(
        'INVALID_ARGUMENT',
        `The encoding "${encoding}" is not known; use s16le or f32le.`,
      );
    }
    this.sampleRate = sampleRate;
    this.#format = {
      encoding: encoding === 'f32le' ? 'float' : 'integer',
      channels,
      sampleRate,
      sampleBytes,
      frameBytes: sampleBytes * channels,
      shift: 0,
    };
  }

  push(part: Uint8Array): Float32Array {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, part]) : part;
    const whole = bytes.length - (bytes.length % this.#format.frameBytes);
    this.#rest = bytes.slice(whole);
    return mixFrames(bytes.subarray(0, whole), this.#format);
  }

  /** Forgets half a frame, where the stream began anew. */
  reset(): void {
    this.#rest = new Uint8Array(0);
  }
}
