import { cpSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../temporary-folder.ts';
import {
  all,
  dimensions,
  direction,
  ids,
  openMemory,
  pattern,
  type StorageFactory,
  sharedMemory,
} from './subject.ts';

export function keeping(create: StorageFactory): void {
  describe('across a restart', () => {
    it.each([true, false])(
      'everything is there again (persistIndexOnDisk: %s)',
      async (persistIndexOnDisk) => {
        const indexPath = path.join(temporaryFolder(), 'deep', 'memory');
        const options = { indexPath, dimensions, persistIndexOnDisk };
        const first = create(options);
        await first.initialize();
        await first.storePatterns(
          Array.from({ length: 50 }, (_, n) => ({ ...pattern(n), clip: new Uint8Array([n + 1]) })),
        );
        await first.deletePatterns({ type: 'odd' });
        await first.updatePattern('p0004', { metadata: { label: 'after' } });
        const before = await all(first.iteratePatterns());
        const { disk: _, ...statsBefore } = await first.stats();
        await first.close();

        const second = create({ indexPath, persistIndexOnDisk });
        await second.initialize();
        onTestFinished(() => second.close());
        expect(await all(second.iteratePatterns())).toEqual(before);
        const { disk: __, ...statsAfter } = await second.stats();
        expect(statsAfter).toEqual(statsBefore);
        expect(await second.getClip('p0010')).toEqual(new Uint8Array([11]));
        expect(ids(await second.findSimilarPatterns(direction(6), { maxResults: 1 }))).toEqual(['p0006']);
        expect(await second.countPatterns({ label: 'after' })).toBe(1);
        expect(await second.verify()).toEqual({ ok: true, checked: 25, problems: [] });
        await second.storePattern(pattern(99).pattern, { sourceId: 'mic' });
        expect(await second.countPatterns()).toBe(26);
      },
    );

    it('refuses other dimensions, another metric and another encoder', async () => {
      const indexPath = temporaryFolder();
      const encoder = { name: 'earmark-small', revision: 'aaaaaaaaaaaa' };
      const first = create({ indexPath, dimensions, encoder });
      await first.initialize();
      await first.storePattern(pattern(1).pattern, { sourceId: 'mic', encoder });
      const other = { name: 'earmark-small', revision: 'bbbbbbbbbbbb' };
      await expect(
        first.storePattern(pattern(2).pattern, { sourceId: 'mic', encoder: other }),
      ).rejects.toMatchObject({
        code: 'ENCODER_MISMATCH',
        message: expect.stringMatching(/aaaaaaaaaaaa.*bbbbbbbbbbbb/s),
      });
      await expect(first.findSimilarPatterns(direction(1), { encoder: other })).rejects.toMatchObject({
        code: 'ENCODER_MISMATCH',
      });
      expect((await first.stats()).encoder).toEqual(encoder);
      await first.close();
      await expect(create({ indexPath, dimensions: 9 }).initialize()).rejects.toMatchObject({
        code: 'DIMENSIONS',
      });
      await expect(create({ indexPath, distanceMetric: 'dot' }).initialize()).rejects.toMatchObject({
        code: 'ENCODER_MISMATCH',
      });
      await expect(create({ indexPath, encoder: other }).initialize()).rejects.toMatchObject({
        code: 'ENCODER_MISMATCH',
      });
    });

    it('remembers the encoder of the first vectors', async () => {
      const memory = await openMemory(create);
      const encoder = { name: 'a', revision: '1' };
      await memory.storePattern(pattern(1).pattern, { sourceId: 'mic', encoder });
      await expect(
        memory.storePattern(pattern(2).pattern, { sourceId: 'mic', encoder: { name: 'b', revision: '1' } }),
      ).rejects.toMatchObject({ code: 'ENCODER_MISMATCH' });
      await expect(
        memory.storePatterns(
          [3, 4].map((n) => ({
            ...pattern(n),
            metadata: { sourceId: 'mic', encoder: { name: `${n}`, revision: `${n}` } },
          })),
        ),
      ).rejects.toMatchObject({ code: 'ENCODER_MISMATCH' });
      expect(await memory.countPatterns()).toBe(1);
    });
  });

  describe('copies', () => {
    const importing = sharedMemory(create, async () => undefined);

    it('a backup opens as a memory while the original goes on', async () => {
      const memory = await openMemory(create);
      await memory.storePatterns([1, 2, 3].map((n) => pattern(n)));
      const target = path.join(temporaryFolder(), 'backup');
      await memory.backup(target);
      await memory.deletePattern('p0001');
      await expect(memory.backup(target)).rejects.toMatchObject({ code: 'PATH' });
      const copy = create({ indexPath: target });
      await copy.initialize();
      onTestFinished(() => copy.close());
      expect(await copy.countPatterns()).toBe(3);
      await copy.storePattern(pattern(4).pattern, { sourceId: 'mic' });
      expect((await copy.verify()).ok).toBe(true);
      expect(await memory.countPatterns()).toBe(2);
    });

    it('two backups to one folder do not spoil each other', async () => {
      const memory = await openMemory(create);
      const clip = new Uint8Array(15 * 1024 * 1024);
      await memory.storePatterns([1, 2, 3].map((n) => ({ ...pattern(n), clip })));
      const target = path.join(temporaryFolder(), 'backup');
      const [first, second] = await Promise.allSettled([memory.backup(target), memory.backup(target)]);
      expect([first.status, second.status]).toContain('fulfilled');
      const copy = create({ indexPath: target, readOnly: true });
      await copy.initialize();
      onTestFinished(() => copy.close());
      expect(await copy.countPatterns()).toBe(3);
    });

    it('a backup that is cancelled while it is copied leaves nothing behind', async () => {
      const memory = await openMemory(create);
      await memory.storePatterns([1, 2, 3].map((n) => pattern(n)));
      const target = path.join(temporaryFolder(), 'backup');
      const stopping = new AbortController();
      const backup = memory.backup(target, { signal: stopping.signal });
      stopping.abort();
      await expect(backup).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(readdirSync(target)).toEqual([]);
    });

    it('a backup is put in the place of a memory that its own process had made', async () => {
      const indexPath = path.join(temporaryFolder(), 'memory');
      const backup = path.join(temporaryFolder(), 'backup');
      const memory = await openMemory(create, { indexPath });
      await memory.storePatterns([pattern(1)]);
      await memory.backup(backup);
      await memory.close();
      rmSync(indexPath, { recursive: true });
      cpSync(backup, indexPath, { recursive: true });
      const restored = await openMemory(create, { indexPath });
      expect(await restored.countPatterns()).toBe(1);
    });

    it('a line of an export is one line to every reader', async () => {
      const memory = await openMemory(create);
      const { pattern: sound, metadata } = pattern(1);
      const label = 'one\u2028two\u2029three\u0085\n';
      await memory.storePatterns([{ pattern: { ...sound, id: label }, metadata: { ...metadata, label } }]);
      const lines = await all(memory.exportPatterns());
      const read = await all(createInterface(Readable.from(lines.map((line) => `${line}\n`))));
      expect(read).toEqual(lines);
      const target = await openMemory(create);
      await target.importPatterns(read);
      expect((await target.getPatternById(label))?.metadata.label).toBe(label);
    });

    it('an export imports as the same patterns', async () => {
      const memory = await openMemory(create);
      const patterns = Array.from({ length: 450 }, (_, n) =>
        n % 3 === 0 ? { ...pattern(n), clip: new Uint8Array([n & 255, 7]) } : pattern(n),
      );
      await memory.storePatterns(patterns);
      const lines = await all(memory.exportPatterns());
      const target = await openMemory(create);
      const progress: number[] = [];
      expect(await target.importPatterns(lines, { onProgress: ({ done }) => progress.push(done) })).toEqual({
        stored: 450,
      });
      expect(progress.at(-1)).toBe(450);
      expect(await all(target.iteratePatterns())).toEqual(await all(memory.iteratePatterns()));
      expect(await target.getClip('p0003')).toEqual(new Uint8Array([3, 7]));
    });

    it.each([
      '{',
      '"text"',
      '{}',
      '{"pattern":{"features":"AAA"}}',
      '{"pattern":{"features":"AAAA"}}',
      'null',
    ])('an import stops at the line %s', async (line) => {
      const memory = importing();
      await expect(memory.importPatterns([line])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await memory.countPatterns()).toBe(0);
    });

    it('an import names the line whose pattern is refused', async () => {
      const memory = importing();
      const other = await openMemory(create);
      await other.storePatterns([pattern(1)]);
      const [line] = (await all(other.exportPatterns())) as [string];
      const lines = [line, '', line.replace('"confidence":0.1', '"confidence":7')];
      await expect(memory.importPatterns(lines)).rejects.toThrow(/^Line 3: pattern\.confidence must be/);
      await expect(
        memory.storePatterns([pattern(1), { ...pattern(2), clip: new Uint8Array() }]),
      ).rejects.toThrow(/^patterns\[1\]: clip must be/);
    });

    it('an import holds a few clips at a time, however many the file has', async () => {
      const memory = await openMemory(create);
      const clip = new Uint8Array(7 * 1024 * 1024);
      const source = await openMemory(create);
      await source.storePatterns([{ ...pattern(0), clip }]);
      const [line] = (await all(source.exportPatterns())) as [string];
      const progress: number[] = [];
      const lines = [0, 1, 2, 3].map((n) => line.replace('"p0000"', `"p000${n}"`));
      await memory.importPatterns(lines, { onProgress: ({ done }) => progress.push(done) });
      expect(progress.slice(0, 2)).toEqual([2, 4]);
      expect(await memory.getClip('p0003')).toHaveLength(clip.length);
    });

    it('long operations can be cancelled', async () => {
      const memory = await openMemory(create);
      await memory.storePatterns([pattern(1), pattern(2)]);
      const signal = AbortSignal.abort();
      const cancelled = { code: 'CANCELLED' };
      await expect(memory.verify({ signal })).rejects.toMatchObject(cancelled);
      await expect(memory.backup(path.join(temporaryFolder(), 'b'), { signal })).rejects.toMatchObject(
        cancelled,
      );
      await expect(all(memory.exportPatterns({ signal }))).rejects.toMatchObject(cancelled);
      await expect(memory.importPatterns(['x'], { signal })).rejects.toMatchObject(cancelled);
    });
  });

  describe('before and after', () => {
    it('says when it is not open', async () => {
      const storage = create({ indexPath: temporaryFolder(), dimensions });
      await expect(storage.countPatterns()).rejects.toMatchObject({ code: 'NOT_INITIALIZED' });
      await storage.initialize();
      await expect(storage.initialize()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      const storing = storage.storePattern(pattern(1).pattern, { sourceId: 'mic' });
      await Promise.all([storage.close(), storage.close()]);
      expect(await storing).toBe('p0001');
      await expect(storage.countPatterns()).rejects.toMatchObject({ code: 'CLOSED' });
      await expect(storage.initialize()).rejects.toMatchObject({ code: 'CLOSED' });
    });

    it('can be closed unopened, and disposed of', async () => {
      await create({ indexPath: temporaryFolder(), dimensions }).close();
      const indexPath = temporaryFolder();
      {
        await using storage = create({ indexPath, dimensions });
        await storage.initialize();
        await storage.storePattern(pattern(1).pattern, { sourceId: 'mic' });
      }
      await using again = create({ indexPath, dimensions });
      await again.initialize();
      expect(await again.countPatterns()).toBe(1);
    });
  });
}
