import { AudioError } from './audio-error.ts';
import type { AudioWindow, PcmChunk } from './pcm.ts';

export interface FramerOptions {
  /** Length of a window in milliseconds, 10 to 600,000. */
  windowMs: number;
  /** Distance between the starts of neighbouring windows in milliseconds, 10 to `windowMs`. Default `windowMs`. */
  hopMs?: number;
  /**
   * What becomes of the samples at the end (or before a gap) that no whole window holds: `pad` makes a last
   * window of them, filled up with zeros; `drop` leaves them out. Default `pad`.
   */
  tail?: 'pad' | 'drop';
}

/** Cuts a stream of chunks into windows of one length. A gap or another source starts a new window. */
export class Framer {
  readonly #options: Required<FramerOptions>;
  #window = 0;
  #hop = 0;
  #buffer = new Float32Array(0);
  #filled = 0;
  /** Samples at the start of the buffer that an earlier window already held. */
  #covered = 0;
  #firstSample = 0;
  #seq = 0;
  #gap = false;
  #source: Pick<PcmChunk, 'sampleRate' | 'sourceId' | 'startedAt'> | undefined;

  constructor(options: FramerOptions) {
    const { windowMs, hopMs = options.windowMs, tail = 'pad' } = options;
    if (!(windowMs >= 10 && windowMs <= 600_000)) {
      throw new AudioError(
        'INVALID_ARGUMENT',
        `windowMs is ${windowMs}; it must be 10 to 600,000 milliseconds.`,
      );
    }
    if (!(hopMs >= 10 && hopMs <= windowMs)) {
      throw new AudioError('INVALID_ARGUMENT', `hopMs is ${hopMs}; it must be 10 to windowMs (${windowMs}).`);
    }
    this.#options = { windowMs, hopMs, tail };
  }

  /** The windows that this chunk completes. */
  push(chunk: PcmChunk): AudioWindow[] {
    const windows = this.#continues(chunk) ? [] : this.#restart(chunk);
    this.#source = { sampleRate: chunk.sampleRate, sourceId: chunk.sourceId, startedAt: chunk.startedAt };
    let at = 0;
    while (at < chunk.samples.length) {
      const taken = Math.min(this.#window - this.#filled, chunk.samples.length - at);
      this.#buffer.set(chunk.samples.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#window) windows.push(this.#emit());
    }
    return windows;
  }

  /** The last window, at the end of the stream. */
  flush(): AudioWindow[] {
    if (this.#options.tail === 'drop' || this.#filled <= this.#covered) return [];
    this.#buffer.fill(0, this.#filled);
    const window = this.#emit();
    this.#filled = 0;
    this.#covered = 0;
    return [window];
  }

  #continues(chunk: PcmChunk): boolean {
    return (
      !chunk.gap &&
      chunk.sampleRate === this.#source?.sampleRate &&
      chunk.sourceId === this.#source.sourceId &&
      chunk.firstSample === this.#firstSample + this.#filled
    );
  }

  #restart(chunk: PcmChunk): AudioWindow[] {
    const windows = this.flush();
    const sameSource = this.#source !== undefined && chunk.sourceId === this.#source.sourceId;
    if (chunk.sampleRate !== this.#source?.sampleRate) {
      this.#window = Math.round((this.#options.windowMs * chunk.sampleRate) / 1000);
      this.#hop = Math.round((this.#options.hopMs * chunk.sampleRate) / 1000);
      this.#buffer = new Float32Array(this.#window);
    }
    this.#filled = 0;
    this.#covered = 0;
    this.#firstSample = chunk.firstSample;
    this.#gap = chunk.gap || (sameSource && chunk.firstSample > 0);
    return windows;
  }

  #emit(): AudioWindow {
    const source = this.#source!;
    const window: AudioWindow = {
      seq: this.#seq++,
      firstSample: this.#firstSample,
      sampleRate: source.sampleRate,
      samples: this.#buffer.slice(),
      gap: this.#gap,
    };
    if (source.sourceId !== undefined) window.sourceId = source.sourceId;
    if (source.startedAt !== undefined) window.startedAt = source.startedAt;
    this.#buffer.copyWithin(0, this.#hop);
    this.#filled -= this.#hop;
    this.#covered = this.#filled;
    this.#firstSample += this.#hop;
    this.#gap = false;
    return window;
  }
}
