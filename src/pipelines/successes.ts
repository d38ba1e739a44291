import type { OperatorFunction } from 'rxjs';
import type { Outcome } from './embedded-sound.ts';
import { stageOperator } from './stage-operator.ts';

/** The outcome of a window that gave no value. */
export type Failure = Extract<Outcome<unknown>, { ok: false }>;

/**
 * Keeps the values of the outcomes that succeeded; the others go to `onFailure`, or nowhere.
 *
 * @example
 * ```ts
 * import { lastValueFrom, toArray } from 'rxjs';
 * import { extractFeatures, framePcm, fromFile, successes } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const sounds = await lastValueFrom(
 *   fromFile(path).pipe(
 *     framePcm({ windowMs: 1000 }),
 *     extractFeatures(bridge),
 *     successes(({ error, window }) => console.warn(`window ${window.seq}: ${error.message}`)),
 *     toArray(),
 *   ),
 * );
 * ```
 */
export function successes<T>(onFailure?: (failure: Failure) => void): OperatorFunction<Outcome<T>, T> {
  return stageOperator(() => ({
    push(outcome) {
      if (outcome.ok) return [outcome.value];
      onFailure?.(outcome);
      return [];
    },
  }));
}
