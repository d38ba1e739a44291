import { concat, lastValueFrom, type Observable, of, toArray } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { StoredPattern } from '../../src/pattern.ts';
import { queryPatterns } from '../../src/pipelines/query-patterns.ts';
import { storePatterns } from '../../src/pipelines/store-patterns.ts';
import type { FeatureStorage } from '../../src/storage/feature-storage.ts';
import { DoubleMemory } from './doubles.ts';
import { pulled, soundsOf } from './sounds.ts';

async function filled(): Promise<DoubleMemory> {
  const memory = new DoubleMemory();
  const metadata = ({ seq }: { seq: number }) => ({ label: seq % 2 === 0 ? 'even' : 'odd' });
  await lastValueFrom(pulled(soundsOf(6)).pipe(storePatterns(memory, { metadata })));
  return memory;
}

describe('queryPatterns', () => {
  it('asks once for each value, with what is made of it', async () => {
    const memory = await filled();
    const labels = of('even', 'odd', 'none').pipe(
      queryPatterns(memory, (label) => ({ label })),
      toArray(),
    );
    expect((await lastValueFrom(labels)).map((found) => found.length)).toEqual([3, 3, 0]);
  });

  it('asks the same each time, or for everything', async () => {
    const memory = await filled();
    const always = await lastValueFrom(
      concat(of(1), of(2)).pipe(queryPatterns(memory, { label: 'odd' }), toArray()),
    );
    expect(always.map((found) => found.length)).toEqual([3, 3]);
    expect(await lastValueFrom(of(1).pipe(queryPatterns(memory)))).toHaveLength(6);
  });

  it('has its types', () => {
    const memory = {} as FeatureStorage;
    expectTypeOf(of(1).pipe(queryPatterns(memory, (value: number) => ({ limit: value })))).toEqualTypeOf<
      Observable<StoredPattern[]>
    >();
  });
});
