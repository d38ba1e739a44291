import type { Observable, OperatorFunction } from 'rxjs';
import { AudioError } from '../audio/audio-error.ts';
import { BoundedQueue, type Overflow } from '../audio/bounded-queue.ts';
import { PullObservable } from './pull-observable.ts';

/** What an operator does when its source pushes faster than it can work. A pull source is never too fast. */
export interface PushOptions {
  /** The most values that wait, 1 to 65,536. Default 64. */
  buffer?: number;
  /** Default `error`. */
  overflow?: Overflow;
  /** Is told how many values were dropped in all, each time one is. */
  onDrop?: (droppedInAll: number) => void;
}

/** Marks a value that follows dropped ones. */
export type MarkGap<T> = (value: T) => T;

/**
 * Makes an operator of an async transformation. Over a pull source it is pulled through; over any other
 * Observable its input waits in a bounded queue.
 */
export function pullOperator<In, Out>(
  transform: (input: AsyncIterable<In>, signal: AbortSignal) => AsyncIterable<Out>,
  options: PushOptions = {},
  markGap: MarkGap<In> = (value) => value,
): OperatorFunction<In, Out> {
  const { buffer = 64 } = options;
  if (!Number.isInteger(buffer) || buffer < 1 || buffer > 65_536) {
    throw new AudioError(
      'INVALID_ARGUMENT',
      `buffer is ${buffer}; it must be a whole number of 1 to 65,536.`,
    );
  }
  return (source) => {
    if (source instanceof PullObservable) {
      return new PullObservable<Out>((signal) => transform(source.session(signal), signal));
    }
    return new PullObservable<Out>((signal) => transform(queued(source, options, markGap, signal), signal));
  };
}

/** The values of a pushing Observable, read through a bounded queue. */
async function* queued<T>(
  source: Observable<T>,
  options: PushOptions,
  markGap: MarkGap<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  let dropped = 0;
  const queue = new BoundedQueue<T>({
    capacity: options.buffer ?? 64,
    overflow: options.overflow ?? 'error',
    onDrop: () => options.onDrop?.(++dropped),
    markLoss: markGap,
  });
  const subscription = source.subscribe({
    next: (value) => queue.push(value),
    error: (error) => queue.fail(error),
    complete: () => queue.end(),
  });
  const stop = () => queue.end();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const value of queue) {
      if (signal.aborted) return;
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    subscription.unsubscribe();
  }
}
