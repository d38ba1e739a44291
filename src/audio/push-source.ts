import { AudioError } from './audio-error.ts';
import { type AudioSource, defaultSampleRate, type SourceOptions } from './audio-source.ts';
import type { BoundedQueue, Overflow } from './bounded-queue.ts';
import { throwIfCancelled } from './child-output.ts';
import { ChunkBuilder } from './chunk-builder.ts';
import { liveQueue } from './live-audio.ts';
import type { PcmChunk, SourceInfo } from './pcm.ts';

export interface PushSourceOptions extends SourceOptions {
  sourceId: string;
  /** Milliseconds of audio that wait for a slow consumer, 100 to 600,000. Default 5,000. */
  bufferMs?: number;
  /** What happens to what does not fit; nobody else can know, so it has to be said. */
  overflow: Overflow;
}

/**
 * Audio that somebody else delivers when it likes: a browser's microphone, a message. Can be read once; what
 * is pushed before that waits.
 */
export class PushSource implements AudioSource {
  readonly info: SourceInfo;
  readonly #options: PushSourceOptions;
  readonly #builder: ChunkBuilder;
  readonly #queue: BoundedQueue<PcmChunk>;
  #read = false;

  constructor(options: PushSourceOptions) {
    this.#options = options;
    this.info = { sourceId: options.sourceId, sampleRate: options.sampleRate ?? defaultSampleRate };
    this.#builder = new ChunkBuilder(options.sourceId, options);
    this.#queue = liveQueue(options, options.onEvent);
  }

  /**
   * Adds mono samples in [-1, 1]; they may be changed in place. What is not a number becomes silence, what is louder
   * is clipped.
   */
  push(samples: Float32Array, sampleRate: number): void {
    // One that is none would stay in the filters for good.
    for (let i = 0; i < samples.length; i++) {
      const sample = samples[i]!;
      if (!(sample >= -1 && sample <= 1)) samples[i] = Number.isFinite(sample) ? Math.sign(sample) : 0;
    }
    if (this.#builder.startedAt === undefined) {
      this.#builder.startedAt = Date.now() - (samples.length * 1000) / sampleRate;
      this.#options.onEvent?.({ type: 'started', sourceId: this.info.sourceId, via: 'push' });
    }
    for (const chunk of this.#builder.push(samples, sampleRate)) this.#queue.push(chunk);
  }

  /** Says that so many milliseconds were lost before what is pushed next. */
  lose(milliseconds: number): void {
    for (const chunk of this.#builder.flush()) this.#queue.push(chunk);
    this.#builder.skipTo(this.#builder.nextSample + (milliseconds * this.info.sampleRate) / 1000);
  }

  end(): void {
    for (const chunk of this.#builder.flush()) this.#queue.push(chunk);
    this.#queue.end();
  }

  fail(error: AudioError): void {
    this.#queue.fail(error);
  }

  async *chunks(signal?: AbortSignal): AsyncGenerator<PcmChunk, void, undefined> {
    throwIfCancelled(signal);
    if (this.#read)
      throw new AudioError('INVALID_ARGUMENT', 'A push source can be read once; make another one.');
    this.#read = true;
    const cancel = () => this.#queue.fail(new AudioError('CANCELLED', 'Stopped.'));
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      for await (const chunk of this.#queue) {
        throwIfCancelled(signal);
        yield chunk;
      }
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.#queue.end();
    }
  }
}
