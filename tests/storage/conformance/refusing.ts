import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FeatureStorage, StorageError } from '../../../src/storage/index.ts';
import { dimensions, direction, pattern, type StorageFactory, sharedMemory } from './subject.ts';

/** Values that are wrong nearly everywhere. */
const nonsense = fc.oneof(
  fc.constantFrom<unknown>(
    NaN,
    Infinity,
    -Infinity,
    -1,
    -0,
    1e308,
    2 ** 53,
    2 ** 64,
    1n,
    2n ** 64n,
    null,
    '',
    '\0',
  ),
  fc.constantFrom<unknown>(
    '__proto__',
    'constructor',
    '\ud800',
    'x'.repeat(5000),
    [],
    {},
    Symbol('s'),
    () => 1,
    new Date(NaN),
  ),
  fc.constantFrom<unknown>(
    new Float32Array(0),
    new Float32Array(3),
    new Float32Array(2 * dimensions),
    new Float64Array(dimensions),
  ),
  fc.constantFrom<unknown>(
    Float32Array.of(NaN, 1, 1, 1, 1, 1, 1, 1),
    Float32Array.of(1, Infinity, 1, 1, 1, 1, 1, 1),
  ),
  fc.constantFrom<unknown>(
    Float32Array.of(3e38, 1, 1, 1, 1, 1, 1, 1),
    { min: NaN },
    { min: 2, max: 1 },
    { min: 'a' },
    JSON.parse('{"__proto__":{"x":1}}'),
  ),
  fc.anything({ withBigInt: true, withTypedArray: true }),
);

type Call = (memory: FeatureStorage, value: never, key: string) => unknown;

const calls: Record<string, Call> = {
  'a field of a pattern': (memory, value, key) =>
    memory.storePattern({ ...pattern(1).pattern, [key]: value }, { sourceId: 'mic' }),
  'a pattern': (memory, value) => memory.storePattern(value, { sourceId: 'mic' }),
  'a field of metadata': (memory, value, key) =>
    memory.storePattern(pattern(1).pattern, { sourceId: 'mic', [key]: value }),
  metadata: (memory, value) => memory.storePattern(pattern(1).pattern, value),
  'a clip': (memory, value) => memory.storePattern(pattern(1).pattern, { sourceId: 'mic' }, { clip: value }),
  'a batch': (memory, value) => memory.storePatterns(value),
  'a part of a batch': (memory, value) => memory.storePatterns([pattern(1), value]),
  'an id': (memory, value) => memory.getPatternById(value),
  'the id of a clip': (memory, value) => memory.getClip(value),
  'the id to delete': (memory, value) => memory.deletePattern(value),
  'the id to update': (memory, value) => memory.updatePattern(value, {}),
  'an update': (memory, value) => memory.updatePattern('p0000', value),
  'a criterion': (memory, value, key) => memory.queryPatterns({ [key]: value }),
  'a query to count': (memory, value) => memory.countPatterns(value),
  'a cursor': (memory, value) => memory.pagePatterns({}, { cursor: value }),
  features: (memory, value) => memory.findSimilarPatterns(value),
  'a similarity option': (memory, value, key) => memory.findSimilarPatterns(direction(1), { [key]: value }),
  'criteria of similarity': (memory, value) => memory.findSimilarPatterns(direction(1), { where: value }),
  'a line to import': (memory, value) => memory.importPatterns([value]),
  'a backup path': (memory, value) =>
    memory.backup(
      value === ('/' as string) ? ('' as never) : typeof value === 'string' ? ('' as never) : value,
    ),
};

const keys = fc.constantFrom(
  ...[
    'id',
    'startTime',
    'endTime',
    'frequencyRange',
    'confidence',
    'type',
    'features',
    'sourceId',
    'createdAt',
  ],
  ...[
    'lastModified',
    'label',
    'notLabel',
    'tags',
    'encoder',
    '__proto__',
    'constructor',
    'timeRange',
    'confidenceThreshold',
  ],
  ...[
    'sortBy',
    'sortDirection',
    'limit',
    'similarityThreshold',
    'maxResults',
    'explain',
    'where',
    'toString',
  ],
);

export function refusing(create: StorageFactory): void {
  describe('nonsense', () => {
    const shared = sharedMemory(
      create,
      async (memory) => {
        await memory.storePattern(pattern(0).pattern, { sourceId: 'mic' });
      },
      { clipBudgetBytes: 1000 },
    );

    it.each(Object.keys(calls))('as %s is refused with a StorageError or taken as it is', async (name) => {
      const memory = shared();
      await fc.assert(
        fc.asyncProperty(nonsense, keys, async (value, key) => {
          try {
            await calls[name]!(memory, value as never, key);
          } catch (error) {
            expect(error).toBeInstanceOf(StorageError);
            expect((error as StorageError).code).not.toBe('INTERNAL');
            expect((error as StorageError).message.length).toBeLessThan(1000);
          }
        }),
        { numRuns: 60 },
      );
      expect((await memory.verify()).problems).toEqual([]);
      const { similarity } = (await memory.findSimilarPatterns(direction(0), { maxResults: 1 }))[0] ?? {};
      expect(Number.isFinite(similarity)).toBe(true);
      expect(({} as { x?: number }).x).toBeUndefined();
    });

    it('is told to its caller alone, also behind a batch that is still on its way', async () => {
      const memory = shared();
      const before = await memory.countPatterns();
      const many = Array.from({ length: 600 }, (_, n) => pattern(n, { id: `behind-${n}` }));
      const storing = memory.storePatterns(many);
      const wrong = pattern(1, { features: new Float32Array(dimensions + 1) });
      await expect(memory.storePatterns([wrong])).rejects.toMatchObject({ code: 'DIMENSIONS' });
      expect(await storing).toHaveLength(600);
      expect(await memory.countPatterns()).toBe(before + 600);
    });

    it.each([
      [{ dimensions: 0 }],
      [{ dimensions: 4097 }],
      [{ dimensions: 1.5 }],
      [{ dimensions: NaN }],
      [{ distanceMetric: 'jaccard' }],
      [{ maxQueryResults: 0 }],
      [{ maxPatterns: -1 }],
      [{ maxAge: 5 }],
      [{ saveEvery: { changes: 0 } }],
      [{ clipBudgetBytes: -1 }],
      [{ indexPath: '' }],
      [{ indexPath: 'a\0b' }],
      [{ similarityThreshold: NaN }],
      [{ readOnly: 'yes' }],
      [{ encoder: { name: 'x' } }],
    ])('as options is refused: %j', (options) => {
      expect(() => create({ indexPath: 'unused', ...options } as never)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    });
  });
}
