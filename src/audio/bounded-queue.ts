import { AudioError } from './audio-error.ts';

/** What a queue does with what arrives while it is full. */
export type Overflow =
  /** The stream fails with `OVERFLOW`. */
  | 'error'
  /** The oldest waiting items make room: best for live audio. */
  | 'dropOldest'
  /** What arrives is refused. */
  | 'dropNewest';

export interface BoundedQueueOptions<T> {
  /** The most that may wait, in the unit of `sizeOf`. */
  capacity: number;
  overflow: Overflow;
  /** Default: each item counts 1. */
  sizeOf?: (item: T) => number;
  /** Is told of each item that was dropped. */
  onDrop?: (item: T) => void;
  /** Marks the first item after dropped ones. */
  markLoss?: (item: T) => T;
}

/** Between one that pushes and one that pulls: holds a bounded amount and says what was lost. */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #options: BoundedQueueOptions<T>;
  readonly #items: T[] = [];
  #size = 0;
  /** Something was dropped after the last item that waits. */
  #lost = false;
  #end: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: BoundedQueueOptions<T>) {
    this.#options = options;
  }

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    if (this.#end !== undefined) return;
    const { capacity, overflow, sizeOf = () => 1, onDrop, markLoss = (kept: T) => kept } = this.#options;
    const size = sizeOf(item);
    while (this.#size + size > capacity && (this.#items.length > 0 || overflow !== 'dropOldest')) {
      if (overflow === 'error') {
        this.fail(
          new AudioError(
            'OVERFLOW',
            `What arrived could not be worked off: ${this.#items.length} items were waiting. Let Earmark's operators follow a pull source directly, raise the buffer, or choose overflow 'dropOldest'.`,
          ),
        );
        return;
      }
      if (overflow === 'dropNewest') {
        this.#lost = true;
        onDrop?.(item);
        return;
      }
      const dropped = this.#items.shift()!;
      this.#size -= sizeOf(dropped);
      if (this.#items.length > 0) this.#items[0] = markLoss(this.#items[0]!);
      else this.#lost = true;
      onDrop?.(dropped);
    }
    this.#items.push(this.#lost ? markLoss(item) : item);
    this.#lost = false;
    this.#size += size;
    this.#wake?.();
  }

  /** Nothing more will be pushed; what waits is still read. */
  end(): void {
    this.#end ??= {};
    this.#wake?.();
  }

  /** The reader gets what waits, then this error. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  /** Everything that waits, at least one item; an empty array once the queue has ended. */
  async takeAll(limit = Number.POSITIVE_INFINITY): Promise<T[]> {
    while (this.#items.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const taken = this.#items.splice(0, limit);
    if (taken.length === 0 && this.#end?.error !== undefined) throw this.#end.error;
    for (const item of taken) this.#size -= this.#options.sizeOf?.(item) ?? 1;
    return taken;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const [item] = await this.takeAll(1);
      if (item === undefined) return;
      yield item;
    }
  }
}
