import { Observable } from 'rxjs';
import { AudioError } from '../audio/audio-error.ts';
import type { PullSession } from './pull-observable.ts';

/** An operator that makes many values of one, or a shared stream with a slow reader, may let so many wait. */
const mostWaiting = 4096;

/**
 * What a pushing operator makes of pulled values: the next one is pulled when all that it made of the last was
 * read. The source ends when the operator lets go of it, which a shared one does with its last subscriber.
 */
export async function* pulledThrough<In, Out>(
  session: PullSession<In>,
  operate: (source: Observable<In>) => Observable<Out>,
  signal: AbortSignal,
): AsyncGenerator<Out, void, undefined> {
  const waiting: Out[] = [];
  let ended: { error?: unknown } | undefined;
  let changed = Promise.withResolvers<void>();
  const change = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const end = (outcome: { error?: unknown }) => {
    ended ??= outcome;
    change();
  };

  const source = new Observable<In>((subscriber) => {
    const abort = new AbortController();
    const pump = async () => {
      try {
        for await (const value of session(abort.signal)) {
          subscriber.next(value);
          while (waiting.length > 0 && ended === undefined) await changed.promise;
          if (subscriber.closed) return;
        }
        subscriber.complete();
      } catch (error) {
        subscriber.error(error);
      }
    };
    void pump();
    return () => abort.abort();
  });

  const subscription = operate(source).subscribe({
    next: (value) => {
      if (waiting.length >= mostWaiting) {
        end({
          error: new AudioError('OVERFLOW', `More than ${mostWaiting} values were waiting to be read.`),
        });
        return;
      }
      waiting.push(value);
      change();
    },
    error: (error) => end({ error }),
    complete: () => end({}),
  });
  const stop = () => end({});
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    for (;;) {
      while (waiting.length === 0 && ended === undefined) await changed.promise;
      if (signal.aborted) return;
      if (waiting.length === 0) {
        if (ended !== undefined && 'error' in ended) throw ended.error;
        return;
      }
      yield waiting.shift()!;
      change();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    subscription.unsubscribe();
    end({});
  }
}
