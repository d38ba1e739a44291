import type { OperatorFunction } from 'rxjs';
import type { PatternQuery, StoredPattern } from '../pattern.ts';
import type { FeatureMemory } from './feature-memory.ts';
import { type PushOptions, pullOperator } from './pull-operator.ts';

/**
 * Asks the memory once for each value: always the same, or what `query` makes of the value. A failing memory
 * ends the stream.
 *
 * @example
 * ```ts
 * import { lastValueFrom, of } from 'rxjs';
 * import { queryPatterns } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const doorbells = await lastValueFrom(
 *   of('doorbell').pipe(queryPatterns(memory, (label) => ({ label, limit: 10 }))),
 * );
 * console.log(doorbells.length);
 * ```
 */
export function queryPatterns<T>(
  memory: Pick<FeatureMemory, 'queryPatterns'>,
  query: PatternQuery | ((value: T) => PatternQuery) = {},
  options: PushOptions = {},
): OperatorFunction<T, StoredPattern[]> {
  async function* ask(values: AsyncIterable<T>): AsyncGenerator<StoredPattern[], void, undefined> {
    for await (const value of values) {
      yield await memory.queryPatterns(typeof query === 'function' ? query(value) : query);
    }
  }
  return pullOperator(ask, options);
}
