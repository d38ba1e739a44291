import type { AudioWindow } from '../audio/pcm.ts';
import { BridgeError } from './bridge-error.ts';
import { cancelled } from './deadline.ts';
import type { EmbeddedWindow, WindowOutcome } from './embedded-window.ts';
import { OutcomeQueue } from './outcome-queue.ts';

/** Requests under way at once; Triton and KServe batch what comes together. */
const mostInFlight = 4;

/**
 * A stream over a server that has no streams: a few requests at a time, outcomes in the order of the windows. The source is
 * pulled only when a request may begin, so nothing is dropped here.
 */
export class InferStream implements AsyncIterableIterator<WindowOutcome> {
  readonly #source: AsyncIterator<AudioWindow>;
  readonly #embed: (window: AudioWindow, signal: AbortSignal) => Promise<EmbeddedWindow[]>;
  readonly #signal: AbortSignal | undefined;
  readonly #ending = new AbortController();
  readonly #outcomes = new OutcomeQueue(() => this.#wake());
  #inFlight = 0;
  #wake = () => {};
  #started = false;
  readonly #abort = () => {
    this.#outcomes.clear();
    this.#end(cancelled('The stream', this.#signal?.reason));
  };

  constructor(
    windows: AsyncIterable<AudioWindow>,
    signal: AbortSignal | undefined,
    embed: (window: AudioWindow, signal: AbortSignal) => Promise<EmbeddedWindow[]>,
  ) {
    this.#source = windows[Symbol.asyncIterator]();
    this.#signal = signal;
    this.#embed = embed;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<WindowOutcome>> {
    if (!this.#started) this.#start();
    return this.#outcomes.next();
  }

  return(): Promise<IteratorResult<WindowOutcome>> {
    this.#outcomes.clear();
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #start(): void {
    this.#started = true;
    this.#signal?.addEventListener('abort', this.#abort, { once: true });
    if (this.#signal?.aborted) this.#abort();
    else void this.#pull();
  }

  async #pull(): Promise<void> {
    const { signal } = this.#ending;
    let settled: Promise<void> = Promise.resolve();
    try {
      while (!signal.aborted) {
        if (this.#inFlight + this.#outcomes.length >= mostInFlight) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        const next = await this.#source.next();
        if (signal.aborted) return;
        if (next.done) break;
        this.#inFlight++;
        const outcome = outcomeOf(next.value, this.#embed(next.value, signal));
        settled = settled.then(async () => this.#settle(await outcome));
      }
      await settled;
      this.#end();
    } catch (error) {
      await settled;
      this.#end(error);
    }
  }

  #settle(outcome: WindowOutcome): void {
    this.#inFlight--;
    if (this.#ending.signal.aborted) return;
    // The bridge was closed: that is the end of the stream, not of a window.
    if (!outcome.ok && outcome.error.code === 'CLOSED') this.#end(outcome.error);
    else this.#outcomes.push(outcome, 0);
    this.#wake();
  }

  #end(error?: unknown): void {
    if (this.#ending.signal.aborted) return;
    if (error !== undefined) this.#outcomes.failAtEnd(error);
    this.#outcomes.end();
    this.#ending.abort();
    this.#signal?.removeEventListener('abort', this.#abort);
    // Not awaited: a source in the middle of a read ends when that read does.
    if (this.#started) void Promise.resolve(this.#source.return?.()).catch(() => {});
    this.#wake();
  }
}

async function outcomeOf(window: AudioWindow, embedding: Promise<EmbeddedWindow[]>): Promise<WindowOutcome> {
  const { seq, firstSample, gap } = window;
  const reference = { seq, firstSample, sampleCount: window.samples.length, gap };
  try {
    const [embedded] = await embedding;
    return { ok: true, value: { ...embedded!, ...reference } };
  } catch (error) {
    if (error instanceof BridgeError) return { ok: false, error, window: reference };
    return {
      ok: false,
      error: new BridgeError('INTERNAL', `A window failed: ${error}`, { cause: error }),
      window: reference,
    };
  }
}
