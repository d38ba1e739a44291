import type { AudioWindow } from '../audio/pcm.ts';
import { BridgeError, type BridgeErrorCode } from './bridge-error.ts';
import type { EmbeddedWindow, WindowOutcome } from './embedded-window.ts';
import { OutcomeStream } from './outcome-stream.ts';
import { jitteredDelay } from './retry.ts';
import { sleep } from './sleep.ts';
import { resolveStreamOptions, type WindowStreamOptions } from './window-stream-options.ts';

/** The server is gone for now. A time-out is not among them: it may be the window's own fault, and has taken long already. */
const away: ReadonlySet<BridgeErrorCode> = new Set(['UNREACHABLE', 'DRAINING', 'OVERLOADED', 'CIRCUIT_OPEN']);
/** Requests under way at once; Triton and KServe batch what comes together. */
const mostInFlight = 4;

/**
 * A stream over a server that has no streams: a few requests at a time, outcomes in the order of the windows. The source is
 * pulled only when a request may begin, and a server that is away is waited for, so nothing is dropped here.
 */
export class InferStream extends OutcomeStream {
  readonly #embed: (window: AudioWindow, signal: AbortSignal) => Promise<EmbeddedWindow[]>;
  readonly #giveUpAfter: number;
  readonly #ending = new AbortController();
  #answeredAt = 0;
  #inFlight = 0;
  #settled: Promise<void> = Promise.resolve();
  #wake = () => {};

  constructor(
    windows: AsyncIterable<AudioWindow>,
    options: WindowStreamOptions,
    embed: (window: AudioWindow, signal: AbortSignal) => Promise<EmbeddedWindow[]>,
  ) {
    super(windows, options.signal);
    this.#giveUpAfter = resolveStreamOptions(options).giveUpAfter;
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
    const outcome = outcomeOf(window, this.#patiently(window));
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

  /** Ends with the stream, also when that is given up here. */
  async #patiently(window: AudioWindow): Promise<EmbeddedWindow[]> {
    const { signal } = this.#ending;
    for (const since = performance.now(); ; ) {
      try {
        return await this.#embed(window, signal);
      } catch (error) {
        if (!(error instanceof BridgeError && away.has(error.code))) throw error;
        const left = Math.max(since, this.#answeredAt) + this.#giveUpAfter - performance.now();
        if (left <= 0) this.fail(error);
        await sleep(Math.min(left, Math.max(jitteredDelay(4), error.retryAfterMs ?? 0)), signal);
      }
    }
  }

  #answered(outcome: WindowOutcome): void {
    this.#inFlight--;
    this.#answeredAt = performance.now();
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
