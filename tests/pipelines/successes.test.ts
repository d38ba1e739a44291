import { type Observable, of } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { BridgeError } from '../../src/bridge/bridge-error.ts';
import type { Outcome } from '../../src/pipelines/embedded-sound.ts';
import { type Failure, successes } from '../../src/pipelines/successes.ts';
import { marbles } from './marbles.ts';

const good = (value: number): Outcome<number> => ({ ok: true, value });
const bad: Outcome<number> = {
  ok: false,
  error: new BridgeError('TOO_SHORT', 'Too short.'),
  window: { seq: 1, firstSample: 0, sampleCount: 1, gap: false },
};

describe('successes', () => {
  it('keeps the values and tells of the failures', () => {
    const failures: Failure[] = [];
    marbles(({ cold, expectObservable }) => {
      const source = cold('a-b-c-|', { a: good(1), b: bad, c: good(2) });
      expectObservable(source.pipe(successes((failure) => failures.push(failure)))).toBe('a---c-|', {
        a: 1,
        c: 2,
      });
    });
    expect(failures).toEqual([bad]);
  });

  it('hands on what the listener throws', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold('a-b-|', { a: good(1), b: bad });
      const thrown = successes<number>(({ error }) => {
        throw error;
      });
      expectObservable(source.pipe(thrown)).toBe('a-#', { a: 1 }, bad.ok ? undefined : bad.error);
    });
  });

  it('has the type of the values', () => {
    expectTypeOf(of(good(1)).pipe(successes())).toEqualTypeOf<Observable<number>>();
  });
});
