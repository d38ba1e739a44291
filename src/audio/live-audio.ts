import { setTimeout as sleep } from 'node:timers/promises';
import { AudioError } from './audio-error.ts';
import type { SourceEvent, SourceOptions } from './audio-source.ts';
import { BoundedQueue, type Overflow } from './bounded-queue.ts';
import { throwIfCancelled } from './child-output.ts';
import { ChunkBuilder } from './chunk-builder.ts';
import type { PcmChunk } from './pcm.ts';

export interface LiveOptions extends SourceOptions {
  /**
   * How many times in a row a source that is lost, or cannot be opened, is tried again; 0 makes the first
   * failure final. Default: without end.
   */
  retries?: number;
}

export interface LiveBufferOptions {
  /** Milliseconds of audio that wait for a slow consumer, 100 to 600,000. Default 5,000. */
  bufferMs?: number;
  /** What happens to what does not fit. Default `dropOldest`, with the loss marked as a gap. */
  overflow?: Overflow;
}

/** One connection to a live source. */
export interface LiveSession {
  /** Samples at `sampleRate`, until the source is lost: then it throws a retryable error. May end: then all ends. */
  samples: AsyncIterable<Float32Array>;
  sampleRate: number;
  /** What the `started` event says. */
  via: string;
}

/** Opens a session; `lost` is called with the milliseconds of audio that the source itself says it dropped. */
export type OpenSession = (lost: (milliseconds: number) => void) => LiveSession;

/**
 * Keeps a live source alive: opens it again with backoff when it is lost. Time goes on by the clock meanwhile,
 * and the first chunk after the hole has `gap` set.
 */
export async function* reconnecting(
  open: OpenSession,
  sourceId: string,
  options: LiveOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<PcmChunk, void, undefined> {
  const { retries = Number.POSITIVE_INFINITY, onEvent } = options;
  const builder = new ChunkBuilder(sourceId, options);
  const clock = new SourceClock();
  for (let failures = 0; ; ) {
    throwIfCancelled(signal);
    let heardAt: number | undefined;
    try {
      const session = open((milliseconds) =>
        builder.skipTo(builder.nextSample + milliseconds * clock.samplesPerMs),
      );
      for await (const samples of session.samples) {
        if (heardAt === undefined) {
          clock.start(builder, samples.length, session, options, sourceId);
          heardAt = performance.now();
        }
        yield* builder.push(samples, session.sampleRate);
      }
      yield* builder.flush();
      return;
    } catch (error) {
      if (heardAt !== undefined && performance.now() - heardAt >= steadyMs) failures = 0;
      if (!(error instanceof AudioError) || !error.retryable || failures >= retries) throw error;
      yield* builder.flush();
      const retryInMs = backoff(failures++);
      onEvent?.({ type: 'lost', sourceId, error, retryInMs });
      await sleep(retryInMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }
}

/** A source that is lost sooner than this after it was heard is as unsteady as before: its next try waits longer. */
const steadyMs = 10_000;

/** Milliseconds before the next try: a quarter second, doubled up to ten seconds, a quarter more or less. */
function backoff(failures: number): number {
  return Math.round(Math.min(10_000, 250 * 2 ** failures) * (0.75 + Math.random() / 2));
}

/** Knows where on the source's time axis the present lies. */
class SourceClock {
  samplesPerMs = 0;
  #zero: number | undefined;

  /** Called with the first samples of each session. */
  start(
    builder: ChunkBuilder,
    arrived: number,
    session: LiveSession,
    { sampleRate = 16_000, onEvent }: LiveOptions,
    sourceId: string,
  ): void {
    const began = performance.now() - (arrived * 1000) / session.sampleRate;
    this.samplesPerMs = sampleRate / 1000;
    if (this.#zero === undefined) {
      this.#zero = began;
      builder.startedAt = Date.now() - (performance.now() - began);
      onEvent?.({ type: 'started', sourceId, via: session.via });
      return;
    }
    builder.skipTo((began - this.#zero) * this.samplesPerMs);
    onEvent?.({
      type: 'recovered',
      sourceId,
      lostMs: (builder.nextSample - builder.heardUntil) / this.samplesPerMs,
    });
  }
}

/**
 * Takes chunks as they come, whether or not they are asked for: a recorder must never wait, or it drops
 * audio without a word. A slow consumer finds what fits the buffer and a gap where the rest was.
 */
export async function* drained(
  open: (signal: AbortSignal) => AsyncIterable<PcmChunk>,
  { bufferMs = 5000, overflow = 'dropOldest' }: LiveBufferOptions,
  onEvent: ((event: SourceEvent) => void) | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<PcmChunk, void, undefined> {
  throwIfCancelled(signal);
  const queue = liveQueue({ bufferMs, overflow }, onEvent);
  const stop = new AbortController();
  const fill = async () => {
    try {
      for await (const chunk of open(
        AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]),
      )) {
        queue.push(chunk);
      }
      queue.end();
    } catch (error) {
      queue.fail(error);
    }
  };
  const filling = fill();
  try {
    for await (const chunk of queue) {
      // What waits is of no use to one who has stopped.
      throwIfCancelled(signal);
      yield chunk;
    }
  } finally {
    queue.end();
    stop.abort();
    await filling;
  }
}

/** A queue of chunks measured in milliseconds, which marks its losses. */
export function liveQueue(
  { bufferMs = 5000, overflow = 'dropOldest' }: LiveBufferOptions,
  onEvent: ((event: SourceEvent) => void) | undefined,
): BoundedQueue<PcmChunk> {
  if (!(bufferMs >= 100 && bufferMs <= 600_000)) {
    throw new AudioError(
      'INVALID_ARGUMENT',
      `bufferMs is ${bufferMs}; it must be 100 to 600,000 milliseconds.`,
    );
  }
  const milliseconds = (chunk: PcmChunk) => (chunk.samples.length * 1000) / chunk.sampleRate;
  return new BoundedQueue<PcmChunk>({
    capacity: bufferMs,
    overflow,
    sizeOf: milliseconds,
    markLoss: (chunk) => ({ ...chunk, gap: true }),
    onDrop: (chunk) =>
      onEvent?.({ type: 'dropped', sourceId: chunk.sourceId ?? '', milliseconds: milliseconds(chunk) }),
  });
}
