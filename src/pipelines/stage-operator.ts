import { Observable, type OperatorFunction } from 'rxjs';
import { PullObservable } from './pull-observable.ts';

/** A step that answers at once: each input gives any number of outputs. */
export interface Stage<In, Out> {
  push(value: In): readonly Out[];
  /** What is left at the end. */
  flush?(): readonly Out[];
}

/** Makes an operator of a step; each subscription gets a step of its own. Pull sources stay pull sources. */
export function stageOperator<In, Out>(createStage: () => Stage<In, Out>): OperatorFunction<In, Out> {
  return (source) => {
    if (source instanceof PullObservable) {
      return new PullObservable<Out>((signal) => pulled(source.session(signal), createStage()));
    }
    return new Observable<Out>((subscriber) => {
      const stage = createStage();
      const emit = (work: () => readonly Out[] | undefined) => {
        try {
          for (const value of work() ?? []) subscriber.next(value);
          return true;
        } catch (error) {
          subscriber.error(error);
          return false;
        }
      };
      return source.subscribe({
        next: (value) => emit(() => stage.push(value)),
        error: (error) => subscriber.error(error),
        complete: () => {
          if (emit(() => stage.flush?.())) subscriber.complete();
        },
      });
    });
  };
}

async function* pulled<In, Out>(
  input: AsyncIterable<In>,
  stage: Stage<In, Out>,
): AsyncGenerator<Out, void, undefined> {
  for await (const value of input) yield* stage.push(value);
  yield* stage.flush?.() ?? [];
}
