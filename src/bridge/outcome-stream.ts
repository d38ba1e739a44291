import type { AudioWindow } from '../audio/pcm.ts';
import type { BridgeError } from './bridge-error.ts';
import { cancelled } from './deadline.ts';
import type { WindowOutcome } from './embedded-window.ts';
import { OutcomeQueue } from './outcome-queue.ts';

/**
 * The two ends that every stream has: windows are pulled from a source while there is room, outcomes wait for whoever
 * iterates. Nothing happens before the first `next()`. What lies between them is the subclass's.
 */
export abstract class OutcomeStream implements AsyncIterableIterator<WindowOutcome>, AsyncDisposable {
  protected readonly outcomes: OutcomeQueue;
  readonly #source: AsyncIterator<AudioWindow>;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => this.fail(cancelled('The stream', this.#signal?.reason));
  #started = false;
  #sourceDone = false;
  #over = false;

  constructor(windows: AsyncIterable<AudioWindow>, signal: AbortSignal | undefined) {
    this.#source = windows[Symbol.asyncIterator]();
    this.#signal = signal;
    this.outcomes = new OutcomeQueue((bytes) => this.taken(bytes));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<WindowOutcome>> {
    if (!this.#started) this.#start();
    return this.outcomes.next();
  }

  /** Ends the stream; what is unanswered is dropped. Does not wait for anything. */
  return(): Promise<IteratorResult<WindowOutcome>> {
    this.outcomes.clear();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Ends the stream: what has come is still delivered, then `error` is thrown; after a cancellation at once. */
  fail(error: BridgeError): void {
    if (this.#over) return;
    if (error.code === 'CANCELLED') this.outcomes.clear();
    this.outcomes.failAtEnd(error);
    this.end();
  }

  protected get isOver(): boolean {
    return this.#over;
  }

  /** No more windows will come: the stream ends when all that came is answered. */
  protected get sourceDone(): boolean {
    return this.#sourceDone;
  }

  /** Resolves when the next window may be pulled, or when the stream is over. */
  protected abstract room(): Promise<void>;
  /** A window from the source. */
  protected abstract accept(window: AudioWindow): void;
  /** The consumer has taken an outcome that held `bytes` of the credit. */
  protected abstract taken(bytes: number): void;
  /** The source is done. */
  protected abstract settle(): void;
  /** The stream is over: lets go of everything, and of whoever waits for `room`. */
  protected abstract release(): void;

  protected end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.release();
    // Not awaited: a source in the middle of a read ends when that read does.
    if (this.#started && !this.#sourceDone) void this.#letGoOfSource();
    this.outcomes.end();
  }

  async #letGoOfSource(): Promise<void> {
    try {
      await this.#source.return?.();
    } catch {
      // How it ends is its own affair.
    }
  }

  #start(): void {
    this.#started = true;
    this.#signal?.addEventListener('abort', this.#abort, { once: true });
    if (this.#signal?.aborted) this.#abort();
    else void this.#pull();
  }

  async #pull(): Promise<void> {
    try {
      while (!this.#over) {
        await this.room();
        if (this.#over) return;
        const next = await this.#source.next();
        if (this.#over) return;
        if (next.done) break;
        try {
          this.accept(next.value);
        } catch (error) {
          void this.#letGoOfSource(); // It gave something that is no window.
          throw error;
        }
      }
    } catch (error) {
      this.outcomes.failAtEnd(error);
    }
    this.#sourceDone = true;
    this.settle();
  }
}
