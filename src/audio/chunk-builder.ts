import { defaultSampleRate, type SourceOptions } from './audio-source.ts';
import { DcRemover } from './dc-remover.ts';
import type { PcmChunk } from './pcm.ts';
import { Resampler } from './resampler.ts';

/** What arrives up to so many milliseconds late was held up on its way. */
const heldUpMs = 1000;

/**
 * Makes chunks of what a source delivers: brings it to the asked rate, takes the offset out, and counts the
 * samples so that a loss never shifts what follows.
 */
export class ChunkBuilder {
  readonly #options: SourceOptions;
  readonly #sourceId: string;
  readonly #sampleRate: number;
  #inputRate = 0;
  #resampler: Resampler | undefined;
  #dc: DcRemover | undefined;
  #nextSample = 0;
  #heardUntil = 0;
  #gap = false;
  /** Wall-clock time of sample 0, for live sources; follows the clock from then on. */
  startedAt: number | undefined;

  constructor(sourceId: string, options: SourceOptions) {
    this.#sourceId = sourceId;
    this.#options = options;
    this.#sampleRate = options.sampleRate ?? defaultSampleRate;
  }

  /** Index of the next chunk's first sample. */
  get nextSample(): number {
    return this.#nextSample;
  }

  /** Index after the last sample that truly came. */
  get heardUntil(): number {
    return this.#heardUntil;
  }

  /** The samples may be changed in place. No chunk while the filter holds everything back. */
  push(samples: Float32Array, inputRate: number): PcmChunk[] {
    if (this.#resampler === undefined || inputRate !== this.#inputRate) this.#restart(inputRate);
    this.#followClock((samples.length * 1000) / inputRate);
    return this.#chunk(this.#resampler!.push(samples));
  }

  /** What the filter still holds, at the end or before a gap. */
  flush(): PcmChunk[] {
    if (this.#resampler === undefined) return [];
    const chunks = this.#chunk(this.#resampler.flush());
    this.#resampler = undefined;
    return chunks;
  }

  /** Says that audio was lost: the next chunk begins at `nextSample`, or later where more is known. */
  skipTo(nextSample = this.#nextSample): void {
    this.#nextSample = Math.max(this.#nextSample, Math.round(nextSample));
    this.#resampler = undefined;
    this.#gap = true;
  }

  /**
   * The clock may be set while a source goes on (a Raspberry Pi learns the time from the network), the machine may
   * have slept, a device counts its samples a little faster or slower, and a sender may pause. Nothing arrives
   * before it was heard; what is more than a moment late is not late, the clock has moved.
   */
  #followClock(milliseconds: number): void {
    if (this.startedAt === undefined) return;
    const position = (this.#nextSample * 1000) / this.#sampleRate;
    const late = Date.now() - milliseconds - (this.startedAt + position);
    if (late < 0 || late > heldUpMs) this.startedAt += late;
  }

  #restart(inputRate: number): void {
    this.#inputRate = inputRate;
    this.#resampler = new Resampler(inputRate, this.#sampleRate);
    this.#dc = (this.#options.removeDc ?? true) ? new DcRemover(this.#sampleRate) : undefined;
  }

  #chunk(samples: Float32Array): PcmChunk[] {
    if (samples.length === 0) return [];
    const chunk: PcmChunk = {
      samples: this.#dc?.apply(samples) ?? samples,
      sampleRate: this.#sampleRate,
      firstSample: this.#nextSample,
      gap: this.#gap,
      sourceId: this.#sourceId,
    };
    if (this.startedAt !== undefined) chunk.startedAt = this.startedAt;
    this.#nextSample += samples.length;
    this.#heardUntil = this.#nextSample;
    this.#gap = false;
    return [chunk];
  }
}
