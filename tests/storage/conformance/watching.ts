import { describe, expect, it } from 'vitest';
import type { PatternChange } from '../../../src/storage/index.ts';
import { openMemory, pattern, type StorageFactory } from './subject.ts';

export function watching(create: StorageFactory): void {
  describe('watch', () => {
    it('tells what happens to the matches of a query', async () => {
      const memory = await openMemory(create);
      await memory.storePattern(pattern(1).pattern, { sourceId: 'before' });
      const seen: [PatternChange['kind'], string][] = [];
      let completed = false;
      const subscription = memory.watch({ label: 'bell' }).subscribe({
        next: (change) => seen.push([change.kind, change.id]),
        complete: () => {
          completed = true;
        },
      });
      await memory.storePattern(pattern(2).pattern, { sourceId: 'mic' });
      await memory.storePattern(pattern(3).pattern, { sourceId: 'mic', label: 'bell' });
      await memory.updatePattern('p0001', { metadata: { label: 'bell' } });
      await memory.updatePattern('p0001', { pattern: { confidence: 1 } });
      await memory.updatePattern('p0001', { metadata: { label: 'horn' } });
      await memory.deletePatterns({});
      expect(seen).toEqual([
        ['stored', 'p0003'],
        ['stored', 'p0001'],
        ['updated', 'p0001'],
        ['deleted', 'p0001'],
        ['deleted', 'p0003'],
      ]);
      expect(completed).toBe(false);
      await memory.close();
      expect(completed).toBe(true);
      subscription.unsubscribe();
    });

    it('carries the pattern as it was stored', async () => {
      const memory = await openMemory(create);
      const seen: PatternChange[] = [];
      const subscription = memory.watch().subscribe((change) => seen.push(change));
      await memory.storePatterns([pattern(1), pattern(2)]);
      expect(seen).toEqual([
        { kind: 'stored', id: 'p0001', stored: await memory.getPatternById('p0001') },
        { kind: 'stored', id: 'p0002', stored: await memory.getPatternById('p0002') },
      ]);
      subscription.unsubscribe();
      await memory.deletePattern('p0001');
      expect(seen).toHaveLength(2);
    });
  });
}
