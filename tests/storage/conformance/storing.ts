import { describe, expect, it } from 'vitest';
import { direction, ids, openMemory, pattern, type StorageFactory } from './subject.ts';

export function storing(create: StorageFactory): void {
  describe('storing', () => {
    it('gives back what was stored', async () => {
      const memory = await openMemory(create);
      const { pattern: stored } = pattern(3);
      const id = await memory.storePattern(stored, {
        sourceId: 'mic',
        createdAt: 5,
        lastModified: 6,
        label: 'Türglocke 🔔',
        tags: ['a', 'b'],
        note: { nested: [1, null, 'x'] },
      });
      expect(id).toBe('p0003');
      expect(await memory.getPatternById(id)).toEqual({
        pattern: stored,
        metadata: {
          sourceId: 'mic',
          createdAt: 5,
          lastModified: 6,
          label: 'Türglocke 🔔',
          tags: ['a', 'b'],
          note: { nested: [1, null, 'x'] },
        },
      });
      expect(await memory.getPatternById('absent')).toBeUndefined();
    });

    it('gives an id and the times where they are absent', async () => {
      const memory = await openMemory(create);
      const { id: _, ...stored } = pattern(1).pattern;
      const before = Date.now();
      const id = await memory.storePattern(stored, { sourceId: 'mic' });
      const found = await memory.getPatternById(id);
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(found?.metadata.createdAt).toBeGreaterThanOrEqual(before);
      expect(found?.metadata.lastModified).toBeGreaterThanOrEqual(before);
    });

    it('keeps copies, not the arrays that it was given', async () => {
      const memory = await openMemory(create);
      const features = direction(1);
      const recording = Uint8Array.from({ length: 100 }, (_, n) => n);
      const clip = recording.subarray(10, 13);
      const storing = memory.storePattern(pattern(1, { features }).pattern, { sourceId: 'mic' }, { clip });
      features.fill(9);
      recording.fill(9);
      await storing;
      expect((await memory.getPatternById('p0001'))?.pattern.features).toEqual(direction(1));
      expect(await memory.getClip('p0001')).toEqual(new Uint8Array([10, 11, 12]));
    });

    it('replaces a pattern of the same id and keeps when it was created', async () => {
      const memory = await openMemory(create);
      await memory.storePattern(
        pattern(1).pattern,
        { sourceId: 'mic', createdAt: 77 },
        { clip: new Uint8Array([1]) },
      );
      await memory.storePattern({ ...pattern(2).pattern, id: 'p0001' }, { sourceId: 'other' });
      const found = await memory.getPatternById('p0001');
      expect(await memory.countPatterns()).toBe(1);
      expect(found?.pattern.features).toEqual(direction(2));
      expect(found?.metadata).toMatchObject({ sourceId: 'other', createdAt: 77 });
      expect(await memory.getClip('p0001')).toBeUndefined();
      expect(ids(await memory.findSimilarPatterns(direction(1), { similarityThreshold: 0.999 }))).toEqual([]);
    });

    it('stores a batch in order, and all or nothing of it', async () => {
      const memory = await openMemory(create);
      expect(await memory.storePatterns([pattern(2), pattern(1)])).toEqual(['p0002', 'p0001']);
      expect(await memory.storePatterns([])).toEqual([]);
      const broken = pattern(5, { features: new Float32Array(3) });
      await expect(memory.storePatterns([pattern(4), broken])).rejects.toMatchObject({ code: 'DIMENSIONS' });
      expect(await memory.countPatterns()).toBe(2);
    });

    it('takes the last of equal ids in a batch', async () => {
      const memory = await openMemory(create);
      await memory.storePatterns([pattern(1, { id: 'same' }), pattern(2, { id: 'same' })]);
      expect(await memory.countPatterns()).toBe(1);
      expect((await memory.getPatternById('same'))?.pattern.startTime).toBe(2);
      expect(ids(await memory.findSimilarPatterns(direction(1)))).toEqual(['same']);
    });

    it('keeps the order of calls that were not waited for', async () => {
      const memory = await openMemory(create);
      const many = Array.from({ length: 700 }, (_, n) => pattern(n));
      const calls = [
        memory.storePatterns(many),
        memory.deletePattern('p0005'),
        memory.storePattern(pattern(5).pattern, { sourceId: 'again' }),
      ];
      await Promise.all(calls);
      expect((await memory.getPatternById('p0005'))?.metadata.sourceId).toBe('again');
      expect(await memory.countPatterns()).toBe(700);
    });

    it('updates fields, labels and metadata', async () => {
      const memory = await openMemory(create);
      await memory.storePattern(pattern(1).pattern, {
        sourceId: 'mic',
        createdAt: 1,
        lastModified: 1,
        label: 'a',
        x: 1,
      });
      const updated = await memory.updatePattern('p0001', {
        pattern: { confidence: 1, features: direction(9) },
        metadata: { label: 'b', x: undefined, y: 2 },
      });
      expect(updated.pattern).toEqual({ ...pattern(1).pattern, confidence: 1, features: direction(9) });
      expect(updated.metadata).toEqual({
        sourceId: 'mic',
        createdAt: 1,
        lastModified: expect.any(Number),
        label: 'b',
        y: 2,
      });
      expect(updated.metadata.lastModified).toBeGreaterThan(1);
      expect(await memory.getPatternById('p0001')).toEqual(updated);
      expect(ids(await memory.queryPatterns({ label: 'a' }))).toEqual([]);
      expect(ids(await memory.queryPatterns({ label: 'b' }))).toEqual(['p0001']);
      expect((await memory.findSimilarPatterns(direction(9)))[0]?.similarity).toBeCloseTo(1, 12);
      await expect(memory.updatePattern('absent', {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('loses no update of many at once', async () => {
      const memory = await openMemory(create);
      await memory.storePattern(pattern(1).pattern, { sourceId: 'mic' });
      await Promise.all(
        ['a', 'b', 'c', 'd'].map((key) => memory.updatePattern('p0001', { metadata: { [key]: true } })),
      );
      expect((await memory.getPatternById('p0001'))?.metadata).toMatchObject({
        a: true,
        b: true,
        c: true,
        d: true,
      });
    });

    it('deletes by id and by query', async () => {
      const memory = await openMemory(create);
      await memory.storePatterns(Array.from({ length: 20 }, (_, n) => pattern(n)));
      expect(await memory.deletePattern('p0003')).toBe(true);
      expect(await memory.deletePattern('p0003')).toBe(false);
      expect(await memory.deletePatterns({ type: 'even' })).toBe(10);
      expect(await memory.deletePatterns({ sortBy: 'startTime', limit: 2 })).toBe(2);
      expect(await memory.deletePatterns({ type: 'none' })).toBe(0);
      expect(ids(await memory.queryPatterns({ sortBy: 'id' }))).toEqual([
        'p0007',
        'p0009',
        'p0011',
        'p0013',
        'p0015',
        'p0017',
        'p0019',
      ]);
      expect(ids(await memory.findSimilarPatterns(direction(8), { similarityThreshold: 0.9999 }))).toEqual(
        [],
      );
    });

    it('keeps clips with their patterns and within the budget', async () => {
      const memory = await openMemory(create, { clipBudgetBytes: 250 });
      const clip = (value: number) => new Uint8Array(100).fill(value);
      await memory.storePatterns([1, 2, 3].map((n) => ({ ...pattern(n), clip: clip(n) })));
      expect(await memory.getClip('p0001')).toBeUndefined();
      expect(await memory.getClip('p0003')).toEqual(clip(3));
      await memory.updatePattern('p0003', { metadata: { label: 'kept' } });
      expect(await memory.getClip('p0003')).toEqual(clip(3));
      await memory.deletePattern('p0002');
      expect((await memory.stats()).clips).toEqual({ count: 1, bytes: 100, budgetBytes: 250 });
      expect(await memory.countPatterns()).toBe(2);
      await expect(
        memory.storePattern(pattern(4).pattern, { sourceId: 'mic' }, { clip: new Uint8Array(251) }),
      ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('keeps the patterns, and no clip, where there is room for none', async () => {
      const memory = await openMemory(create, { clipBudgetBytes: 0 });
      await memory.storePatterns([{ ...pattern(1), clip: new Uint8Array(100) }]);
      expect((await memory.stats()).clips).toEqual({ count: 0, bytes: 0, budgetBytes: 0 });
      expect(await memory.countPatterns()).toBe(1);
    });

    it('forgets the oldest beyond maxPatterns', async () => {
      const memory = await openMemory(create, { maxPatterns: 5 });
      await memory.storePatterns(Array.from({ length: 8 }, (_, n) => pattern(n)));
      expect(ids(await memory.queryPatterns({ sortBy: 'id' }))).toEqual([
        'p0003',
        'p0004',
        'p0005',
        'p0006',
        'p0007',
      ]);
      await memory.storePattern(pattern(9).pattern, pattern(9).metadata);
      expect(await memory.countPatterns()).toBe(5);
      expect(await memory.getPatternById('p0003')).toBeUndefined();
    });

    it('forgets what is older than maxAge', async () => {
      const memory = await openMemory(create, { maxAge: 60_000 });
      const now = Date.now();
      await memory.storePattern(pattern(1).pattern, { sourceId: 'mic', createdAt: now - 61_000 });
      await memory.storePattern(pattern(2).pattern, { sourceId: 'mic', createdAt: now });
      expect(ids(await memory.queryPatterns())).toEqual(['p0002']);
    });
  });
}
