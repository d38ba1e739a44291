import { describe, expect, it } from 'vitest';
import type { PatternQuery } from '../../../src/pattern.ts';
import { all, ids, openMemory, pattern, type StorageFactory, sharedMemory } from './subject.ts';

const numbers = Array.from({ length: 40 }, (_, n) => n);

export function querying(create: StorageFactory): void {
  async function filled() {
    const memory = await openMemory(create);
    await memory.storePatterns(numbers.map((n) => pattern(n)));
    return memory;
  }

  /** For tests that only read. */
  const shared = sharedMemory(create, async (memory) => {
    await memory.storePatterns(numbers.map((n) => pattern(n)));
  });

  it('answers nothing that does not meet the criteria any more', async () => {
    const memory = await openMemory(create);
    await memory.storePatterns(numbers.map((n) => pattern(n)));
    let wrong = 0;
    let changing = true;
    const asking = (async () => {
      while (changing) {
        for (const label of ['one', 'other']) {
          const found = await memory.queryPatterns({ label });
          found.push(
            ...(await memory.findSimilarPatterns(pattern(1).pattern.features, { where: { label } })),
          );
          wrong += found.filter(({ metadata }) => metadata.label !== label).length;
        }
        await new Promise(setImmediate);
      }
    })();
    for (let round = 0; round < 150; round++) {
      const label = round % 2 === 0 ? 'one' : 'other';
      await Promise.all(
        numbers.map((n) => memory.updatePattern(pattern(n).pattern.id!, { metadata: { label } })),
      );
    }
    changing = false;
    await asking;
    expect(wrong).toBe(0);
  });

  describe('criteria', () => {
    const cases: [string, PatternQuery, (n: number) => boolean][] = [
      ['type', { type: 'odd' }, (n) => n % 2 === 1],
      ['source', { sourceId: 'microphone-1' }, (n) => n % 3 === 1],
      ['label', { label: 'bell' }, (n) => n % 5 === 0],
      ['what it is not', { notLabel: 'horn' }, (n) => n % 7 === 3],
      ['one of several that it is not', { notLabel: 'bell' }, (n) => n % 14 === 3],
      ['label, and what it is not', { label: 'bell', notLabel: 'horn' }, (n) => n % 35 === 10],
      ['one tag', { tags: ['four'] }, (n) => n % 4 === 0],
      ['all tags', { tags: ['all', 'four'] }, (n) => n % 4 === 0],
      ['confidence', { confidenceThreshold: 0.7 }, (n) => (n % 10) / 10 >= 0.7],
      ['overlapping time', { timeRange: { min: 10, max: 12 } }, (n) => n <= 12 && n + 2 >= 10],
      ['open time', { timeRange: { min: 35 } }, (n) => n + 2 >= 35],
      ['overlapping frequencies', { frequencyRange: { max: 500 } }, (n) => 100 * n <= 500],
      ['time of creation', { createdAt: { min: 1_003_000, max: 1_005_000 } }, (n) => n >= 6 && n <= 11],
      [
        'several',
        { type: 'even', label: 'bell', tags: ['four'], timeRange: { max: 25 } },
        (n) => n % 20 === 0 && n <= 25,
      ],
      ['an unknown word', { type: '__proto__' }, () => false],
      ['an unknown tag', { tags: ['all', 'constructor'] }, () => false],
      ['nothing', {}, () => true],
    ];
    it.each(cases)('by %s', async (_name, query, matches) => {
      const memory = shared();
      const wanted = numbers.filter(matches).map((n) => pattern(n).pattern.id!);
      expect(ids(await memory.queryPatterns({ ...query, sortBy: 'id', limit: 1000 }))).toEqual(wanted);
      expect(await memory.countPatterns(query)).toBe(wanted.length);
      expect(ids(await all(memory.iteratePatterns({ ...query, sortBy: 'id' })))).toEqual(wanted);
    });
  });

  describe('order', () => {
    it('is newest first, ties by id, unless asked otherwise', async () => {
      const memory = shared();
      expect(ids(await memory.queryPatterns({ limit: 5 }))).toEqual([
        'p0038',
        'p0039',
        'p0036',
        'p0037',
        'p0034',
      ]);
      expect(ids(await memory.queryPatterns({ sortDirection: 'asc', limit: 3 }))).toEqual([
        'p0000',
        'p0001',
        'p0002',
      ]);
      expect(ids(await memory.queryPatterns({ sortBy: 'confidence', limit: 3 }))).toEqual([
        'p0009',
        'p0019',
        'p0029',
      ]);
      expect(ids(await memory.queryPatterns({ sortBy: 'endTime', limit: 1 }))).toEqual(['p0000']);
      expect(ids(await memory.queryPatterns({ sortBy: 'id', sortDirection: 'desc', limit: 2 }))).toEqual([
        'p0039',
        'p0038',
      ]);
    });

    it('answers at most maxQueryResults without a limit', async () => {
      const memory = await openMemory(create, { maxQueryResults: 7 });
      await memory.storePatterns(numbers.map((n) => pattern(n)));
      expect(await memory.queryPatterns()).toHaveLength(7);
      expect(await memory.queryPatterns({ limit: 0 })).toEqual([]);
      expect(await memory.queryPatterns({ limit: 20 })).toHaveLength(20);
    });
  });

  describe('paging', () => {
    it.each(['createdAt', 'id', 'confidence', 'startTime'] as const)(
      'walks all matches by %s once',
      async (sortBy) => {
        const memory = shared();
        for (const sortDirection of ['asc', 'desc'] as const) {
          const seen: string[] = [];
          let cursor: string | undefined;
          do {
            const page = await memory.pagePatterns(
              { sortBy, sortDirection, limit: 7 },
              cursor === undefined ? {} : { cursor },
            );
            seen.push(...ids(page.patterns));
            cursor = page.cursor;
          } while (cursor !== undefined);
          expect(seen).toEqual(ids(await memory.queryPatterns({ sortBy, sortDirection, limit: 100 })));
          expect(new Set(seen).size).toBe(40);
        }
      },
    );

    it('goes on after the last one even when that was deleted', async () => {
      const memory = await filled();
      const first = await memory.pagePatterns({ sortBy: 'id', limit: 3 });
      await memory.deletePatterns({ timeRange: { max: 3 } });
      const second = await memory.pagePatterns({ sortBy: 'id', limit: 3 }, { cursor: first.cursor! });
      expect(ids(second.patterns)).toEqual(['p0004', 'p0005', 'p0006']);
    });

    it.each([
      '',
      'nonsense',
      Buffer.from('["id","asc",1]').toString('base64url'),
      Buffer.from('null').toString('base64url'),
    ])('refuses the cursor %j', async (cursor) => {
      const memory = shared();
      await expect(memory.pagePatterns({}, { cursor })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('streams more patterns than one page holds', async () => {
      const memory = await openMemory(create);
      await memory.storePatterns(Array.from({ length: 2500 }, (_, n) => pattern(n)));
      const seen = ids(await all(memory.iteratePatterns({ sortBy: 'id' })));
      expect(seen).toHaveLength(2500);
      expect(seen).toEqual([...seen].sort());
      expect(await memory.queryPatterns({ limit: 2100 })).toHaveLength(2100);
      expect(await all(memory.iteratePatterns({ limit: 1500 }))).toHaveLength(1500);
    });
  });
}
