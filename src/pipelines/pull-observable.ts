import { Observable, type Operator } from 'rxjs';
import { pulledThrough } from './pulled-through.ts';

/** Opens a session that is pulled; it ends all its work when the signal is aborted. */
export type PullSession<T> = (signal: AbortSignal) => AsyncIterable<T>;

/**
 * An Observable whose values are made only as fast as they are used. RxJS itself has no back-pressure: a
 * subscriber is pushed to. So Earmark's operators look for this class and, where they find it, join the two
 * async iterables underneath instead of subscribing, and RxJS's own operators are led through one value at a
 * time; a pipeline over a file then reads no faster than its slowest step.
 *
 * Each subscription, and each `for await`, is a session of its own. Unsubscribing aborts it.
 */
export class PullObservable<T> extends Observable<T> implements AsyncIterable<T> {
  readonly session: PullSession<T>;

  constructor(session: PullSession<T>) {
    super((subscriber) => {
      const abort = new AbortController();
      const drain = async () => {
        try {
          for await (const value of session(abort.signal)) {
            if (subscriber.closed) return;
            subscriber.next(value);
          }
          subscriber.complete();
        } catch (error) {
          subscriber.error(error);
        }
      };
      void drain();
      return () => abort.abort();
    });
    this.session = session;
  }

  /** How RxJS 7 applies an operator; so `map`, `filter`, `take` and the like keep the back-pressure. */
  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    return new PullObservable<R>((signal) =>
      pulledThrough(this.session, (source) => source.lift(operator), signal),
    );
  }

  [Symbol.asyncIterator](): AsyncIterator<T, void, undefined> {
    const abort = new AbortController();
    const values = this.session(abort.signal)[Symbol.asyncIterator]();
    return {
      next: () => values.next(),
      // Aborted first: a source that waits for audio ends only then.
      return: async () => {
        abort.abort();
        await values.return?.();
        return { done: true, value: undefined };
      },
    };
  }
}
