import type { WindowOutcome } from './embedded-window.ts';

interface Reader {
  resolve: (result: IteratorResult<WindowOutcome>) => void;
  reject: (error: unknown) => void;
}

/** Outcomes on their way to whoever iterates over a stream. What a vector takes of the credit travels with it. */
export class OutcomeQueue {
  /** Told how many bytes of credit the consumer has freed by taking an outcome. */
  readonly #onTaken: (bytes: number) => void;
  readonly #outcomes: { outcome: WindowOutcome; bytes: number }[] = [];
  #readers: Reader[] = [];
  #bytes = 0;
  #ended = false;
  /** Thrown to the consumer after the last outcome. */
  #failure: { error: unknown } | undefined;

  constructor(onTaken: (bytes: number) => void) {
    this.#onTaken = onTaken;
  }

  get length(): number {
    return this.#outcomes.length;
  }

  /** Credit held by what nobody has taken. */
  get bytes(): number {
    return this.#bytes;
  }

  push(outcome: WindowOutcome, bytes: number): void {
    const reader = this.#readers.shift();
    if (reader) {
      reader.resolve({ done: false, value: outcome });
      this.#onTaken(bytes);
    } else {
      this.#outcomes.push({ outcome, bytes });
      this.#bytes += bytes;
    }
  }

  next(): Promise<IteratorResult<WindowOutcome>> {
    const first = this.#outcomes.shift();
    if (first) {
      this.#bytes -= first.bytes;
      this.#onTaken(first.bytes);
      return Promise.resolve({ done: false, value: first.outcome });
    }
    if (!this.#ended) return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
    const failure = this.#failure;
    this.#failure = undefined;
    return failure ? Promise.reject(failure.error) : Promise.resolve({ done: true, value: undefined });
  }

  /** What has come is still handed out, then `error` is thrown. */
  failAtEnd(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Forgets what has come, and the failure. */
  clear(): void {
    this.#outcomes.length = 0;
    this.#bytes = 0;
    this.#failure = undefined;
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    const readers = this.#readers;
    this.#readers = [];
    const failure = this.#failure;
    if (failure && readers.length > 0) {
      this.#failure = undefined;
      readers.shift()!.reject(failure.error);
    }
    for (const { resolve } of readers) resolve({ done: true, value: undefined });
  }
}
