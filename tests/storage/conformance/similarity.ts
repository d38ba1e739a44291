import { describe, expect, it } from 'vitest';
import type { DistanceMetric } from '../../../src/storage/index.ts';
import { dimensions, direction, ids, openMemory, pattern, type StorageFactory } from './subject.ts';

const metrics: DistanceMetric[] = ['cosine', 'euclidean', 'dot'];

/** What docs promise of each metric, written down once more. */
export function promisedSimilarity(metric: DistanceMetric, a: Float32Array, b: Float32Array): number {
  let product = 0;
  let aa = 0;
  let bb = 0;
  let distance = 0;
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
    distance += (a[i]! - b[i]!) ** 2;
  }
  if (metric === 'dot') return product;
  if (metric === 'euclidean') return 1 / (1 + Math.sqrt(distance));
  return aa * bb === 0 ? 0 : product / Math.sqrt(aa * bb);
}

export function similarity(create: StorageFactory): void {
  describe.each(metrics)('similarity by %s', (distanceMetric) => {
    const vectors = Array.from({ length: 600 }, (_, n) =>
      direction(n).map((x) => x * (1 + (n % 7))),
    ) as Float32Array[];

    async function filled() {
      const memory = await openMemory(create, { distanceMetric });
      await memory.storePatterns(vectors.map((features, n) => pattern(n, { features })));
      return memory;
    }

    function expected(query: Float32Array, count: number, passes: (n: number) => boolean = () => true) {
      return vectors
        .map((features, n) => ({
          id: pattern(n).pattern.id!,
          n,
          value: promisedSimilarity(distanceMetric, query, features),
        }))
        .filter(({ n }) => passes(n))
        .sort((a, b) => b.value - a.value || (a.id < b.id ? -1 : 1))
        .slice(0, count);
    }

    it('gives as many as are asked for while what is most alike is being deleted', async () => {
      const memory = await filled();
      const query = direction(3.5);
      const doomed = expected(query, 400).map(({ id }) => id);
      const counts = new Set<number>();
      let deleting = true;
      const searching = Promise.all(
        Array.from({ length: 3 }, async () => {
          while (deleting) counts.add((await memory.findSimilarPatterns(query, { maxResults: 50 })).length);
        }),
      );
      for (const id of doomed) await memory.deletePattern(id);
      deleting = false;
      await searching;
      expect([...counts]).toEqual([50]);
      expect(await memory.countPatterns()).toBe(200);
    });

    it('finds the most alike, with its similarity', async () => {
      const memory = await filled();
      for (const number of [0, 1000, 2000.5]) {
        const query = direction(number);
        const found = await memory.findSimilarPatterns(query, { maxResults: 20, explain: true });
        const wanted = expected(query, 20);
        expect(ids(found)).toEqual(wanted.map(({ id }) => id));
        found.forEach((one, i) => {
          expect(one.similarity).toBeCloseTo(wanted[i]!.value, 9);
        });
        expect(found.plan).toMatchObject({ exact: true, candidates: 600, total: 600 });
      }
    });

    it('finds the most alike of those that meet criteria', async () => {
      const memory = await filled();
      const query = direction(77.7);
      const where = { type: 'odd', sourceId: 'microphone-1' };
      const found = await memory.findSimilarPatterns(query, { maxResults: 15, where, explain: true });
      expect(ids(found)).toEqual(expected(query, 15, (n) => n % 2 === 1 && n % 3 === 1).map(({ id }) => id));
      expect(found.plan).toMatchObject({ exact: true, candidates: 100, total: 600 });
      expect(await memory.findSimilarPatterns(query, { where: { type: 'none' } })).toEqual([]);
    });

    it('leaves out what is less alike than the threshold', async () => {
      const memory = await filled();
      const query = direction(3);
      const threshold = expected(query, 10)[9]!.value - 1e-9;
      const found = await memory.findSimilarPatterns(query, {
        similarityThreshold: threshold,
        maxResults: 600,
      });
      expect(found.length).toBeGreaterThanOrEqual(10);
      expect(found.every((one) => one.similarity >= threshold)).toBe(true);
      expect(await memory.findSimilarPatterns(query, { maxResults: 0 })).toEqual([]);
    });

    it('breaks ties by id, however many there are', async () => {
      const memory = await openMemory(create, { distanceMetric });
      const order = Array.from({ length: 900 }, (_, n) => (n * 577) % 900);
      await memory.storePatterns(order.map((n) => pattern(n, { features: direction(1) })));
      const found = await memory.findSimilarPatterns(direction(2), { maxResults: 5 });
      expect(ids(found)).toEqual(['p0000', 'p0001', 'p0002', 'p0003', 'p0004']);
    });

    it('finds the last of equal ids in a batch by its own vector', async () => {
      const memory = await filled();
      const vector = direction(77).map((x) => 9 * x);
      await memory.storePatterns(
        [vector.map((x) => -x), vector].map((features) => pattern(9999, { features })),
      );
      expect(ids(await memory.findSimilarPatterns(vector, { maxResults: 5 }))).toContain('p9999');
    });

    it('compares a vector of zeros without harm', async () => {
      const memory = await openMemory(create, { distanceMetric });
      await memory.storePatterns([pattern(0, { features: new Float32Array(dimensions) }), pattern(1)]);
      for (const query of [new Float32Array(dimensions), direction(1)]) {
        const found = await memory.findSimilarPatterns(query);
        expect(found).toHaveLength(2);
        for (const one of found) {
          expect(one.similarity).toBeCloseTo(
            promisedSimilarity(distanceMetric, query, one.pattern.features),
            9,
          );
        }
      }
    });
  });

  it('has a threshold of its own', async () => {
    const memory = await openMemory(create, { similarityThreshold: 0.9999 });
    await memory.storePatterns([pattern(1), pattern(2)]);
    expect(ids(await memory.findSimilarPatterns(direction(1)))).toEqual(['p0001']);
    expect(await memory.findSimilarPatterns(direction(1), { similarityThreshold: -1 })).toHaveLength(2);
  });
}
