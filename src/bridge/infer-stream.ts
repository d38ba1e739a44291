import type { AudioWindow } from '../audio/pcm.ts';
import { BridgeError } from './bridge-error.ts';
import type { EmbeddedWindow, WindowOutcome } from './embedded-window.ts';
import { OutcomeStream } from './outcome-stream.ts';

/** Requests under way at once; Triton and KServe batch what comes together. */
const mostInFlight = 4;

/**
 * A stream over a server that has no streams: a few requests at a time, outcomes in the order of the windows. The source is
 * pulled only when a request may begin, so nothing is dropped here.
 */
export class InferStream extends OutcomeStream {
  readonly #embed: (window: AudioWindow, signal: AbortSignal) => Promise<EmbeddedWindow[]>;
  readonly #ending = new AbortController();
  #inFlight = 0;
  #settled: Promise<void> = Promise.resolve();
  #wake = () => {};

  constructor(
    windows: AsyncIterable<AudioWindow>,
    signal: AbortSignal | undefined,
    embed: (window: AudioWindow, signal: AbortSignal) => Promise<EmbeddedWindow[]>,
  ) {
    super(windows, signal);
    this.#embed = embed;
  }

  protected async room(): Promise<void> {
    while (this.#inFlight + this.outcomes.length >= mostInFlight && !this.isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  protected accept(window: AudioWindow): void {
    this.#inFlight++;
    const outcome = outcomeOf(window, this.#embed(window, this.#ending.signal));
    this.#settled = this.#settled.then(async () => this.#answered(await outcome));
  }

  protected taken(): void {
    this.#wake();
  }

  protected settle(): void {
    if (this.sourceDone && this.#inFlight === 0) this.end();
  }

  protected release(): void {
    this.#ending.abort();
    this.#wake();
  }

  #answered(outcome: WindowOutcome): void {
    this.#inFlight--;
    if (this.isOver) return;
    // The bridge was closed: that is the end of the stream, not of a window.
    if (!outcome.ok && outcome.error.code === 'CLOSED') this.fail(outcome.error);
    else this.outcomes.push(outcome, 0);
    this.settle();
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
