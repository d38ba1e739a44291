import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeatureStorage } from '../../../src/storage/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { promisedSimilarity } from './similarity.ts';
import { dimensions, direction, ids, pattern, type StorageFactory } from './subject.ts';

interface Row {
  features: Float32Array;
  type: string;
  startTime: number;
  label: string | undefined;
}

type Step =
  | { do: 'store'; numbers: number[] }
  | { do: 'update'; number: number; label: string | undefined; features: number | undefined }
  | { do: 'delete'; number: number }
  | { do: 'delete by query'; type: string }
  | { do: 'query'; type: string | undefined; from: number; limit: number }
  | { do: 'similar'; number: number; count: number; type: string | undefined }
  | { do: 'reopen' };

const number = fc.nat({ max: 30 });
const type = fc.constantFrom('even', 'odd');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('store' as const), numbers: fc.array(number, { maxLength: 12 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('update' as const),
      number,
      label: fc.option(fc.constantFrom('bell', 'horn'), { nil: undefined }),
      features: fc.option(number, { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete by query' as const), type }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('query' as const),
      type: fc.option(type, { nil: undefined }),
      from: number,
      limit: fc.nat({ max: 12 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('similar' as const),
      number,
      count: fc.nat({ max: 12 }),
      type: fc.option(type, { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

/** Random steps on the storage and on a plain Map must look the same. */
export function model(create: StorageFactory, runs: number): void {
  describe('any sequence of steps', () => {
    it('leaves what a plain map would hold', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
          const indexPath = temporaryFolder();
          const rows = new Map<string, Row>();
          let storage = create({ indexPath, dimensions });
          await storage.initialize();
          try {
            for (const one of steps) {
              if (one.do === 'reopen') {
                await storage.close();
                storage = create({ indexPath, dimensions });
                await storage.initialize();
              } else {
                await take(storage, rows, one);
              }
            }
            expect(ids(await storage.queryPatterns({ sortBy: 'id', limit: 100 }))).toEqual(
              [...rows.keys()].sort(),
            );
            expect((await storage.verify()).problems).toEqual([]);
          } finally {
            await storage.close();
          }
        }),
        { numRuns: runs },
      );
    }, 60_000);
  });
}

async function take(
  storage: FeatureStorage,
  rows: Map<string, Row>,
  step: Exclude<Step, { do: 'reopen' }>,
): Promise<void> {
  switch (step.do) {
    case 'store':
      await storage.storePatterns(step.numbers.map((n) => pattern(n)));
      for (const n of step.numbers) {
        const { pattern: stored, metadata } = pattern(n);
        rows.set(stored.id!, { ...stored, label: metadata.label });
      }
      return;
    case 'update': {
      const id = pattern(step.number).pattern.id!;
      const features = step.features === undefined ? undefined : direction(step.features + 0.5);
      const update = storage.updatePattern(id, {
        metadata: { label: step.label },
        ...(features === undefined ? {} : { pattern: { features } }),
      });
      const row = rows.get(id);
      if (row === undefined) {
        await expect(update).rejects.toMatchObject({ code: 'NOT_FOUND' });
        return;
      }
      await update;
      rows.set(id, { ...row, label: step.label, features: features ?? row.features });
      return;
    }
    case 'delete': {
      const id = pattern(step.number).pattern.id!;
      expect(await storage.deletePattern(id)).toBe(rows.delete(id));
      return;
    }
    case 'delete by query': {
      const gone = [...rows].filter(([, row]) => row.type === step.type);
      for (const [id] of gone) rows.delete(id);
      expect(await storage.deletePatterns({ type: step.type })).toBe(gone.length);
      return;
    }
    case 'query': {
      const found = await storage.queryPatterns({
        ...(step.type === undefined ? {} : { type: step.type }),
        timeRange: { min: step.from },
        sortBy: 'startTime',
        limit: step.limit,
      });
      const wanted = [...rows]
        .filter(
          ([, row]) => (step.type === undefined || row.type === step.type) && row.startTime + 2 >= step.from,
        )
        .sort(([a, x], [b, y]) => x.startTime - y.startTime || (a < b ? -1 : 1));
      expect(ids(found)).toEqual(wanted.slice(0, step.limit).map(([id]) => id));
      for (const one of found) expect(one.metadata.label).toBe(rows.get(one.pattern.id)?.label);
      return;
    }
    case 'similar': {
      const query = direction(step.number + 0.25);
      const found = await storage.findSimilarPatterns(query, {
        maxResults: step.count,
        ...(step.type === undefined ? {} : { where: { type: step.type } }),
      });
      const wanted = [...rows]
        .filter(([, row]) => step.type === undefined || row.type === step.type)
        .map(([id, row]) => ({ id, value: promisedSimilarity('cosine', query, row.features) }))
        .sort((a, b) => b.value - a.value || (a.id < b.id ? -1 : 1));
      expect(found.map(({ similarity }) => similarity.toFixed(6))).toEqual(
        wanted.slice(0, step.count).map(({ value }) => value.toFixed(6)),
      );
      expect(ids(found)).toEqual(wanted.slice(0, step.count).map(({ id }) => id));
    }
  }
}
