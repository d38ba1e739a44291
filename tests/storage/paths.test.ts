import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { pattern } from './conformance/subject.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { dimensions } from './vectors.ts';

describe('indexPath', () => {
  it.each(['../outside', '/etc/outside', 'a/../../outside', '..'])(
    '%s does not lead out of the root',
    async (indexPath) => {
      const parent = temporaryFolder();
      const root = path.join(parent, 'root');
      mkdirSync(root);
      const storage = createFeatureStorage({ indexPath, root });
      await expect(storage.initialize()).rejects.toMatchObject({ code: 'PATH' });
      expect(readdirSync(parent)).toEqual(['root']);
    },
  );

  it('does not follow symbolic links out of the root', async () => {
    const parent = temporaryFolder();
    const root = path.join(parent, 'root');
    mkdirSync(root);
    mkdirSync(path.join(parent, 'outside'));
    symlinkSync(path.join(parent, 'outside'), path.join(root, 'link'));
    symlinkSync(path.join(parent, 'nowhere'), path.join(root, 'dangling'));
    for (const indexPath of ['link', 'link/deeper', 'dangling', 'dangling/deeper']) {
      await expect(createFeatureStorage({ indexPath, root }).initialize()).rejects.toMatchObject({
        code: 'PATH',
      });
    }
    mkdirSync(path.join(root, 'memory'));
    symlinkSync(path.join(parent, 'outside', 'stolen'), path.join(root, 'memory', 'memory.mdb'));
    await expect(createFeatureStorage({ indexPath: 'memory', root }).initialize()).rejects.toMatchObject({
      code: 'PATH',
    });
    expect(readdirSync(path.join(parent, 'outside'))).toEqual([]);
  });

  it('that is a file is refused', async () => {
    const file = path.join(temporaryFolder(), 'file');
    writeFileSync(file, 'x');
    for (const indexPath of [file, `${file}/below`]) {
      await expect(createFeatureStorage({ indexPath }).initialize()).rejects.toMatchObject({ code: 'PATH' });
    }
  });

  it('and its files are for their owner only', async () => {
    const root = temporaryFolder();
    const storage = createFeatureStorage({ indexPath: 'deep/memory', root, dimensions });
    await storage.initialize();
    await storage.storePattern(pattern(1).pattern, { sourceId: 'mic' });
    await storage.flush();
    const mode = (name: string) => statSync(path.join(root, name)).mode & 0o777;
    expect(mode('deep')).toBe(0o700);
    expect(mode('deep/memory')).toBe(0o700);
    const files = readdirSync(path.join(root, 'deep/memory'));
    expect(files).toEqual(expect.arrayContaining(['memory.mdb', 'memory.mdb-lock', 'columns.cache']));
    for (const name of files) expect(mode(`deep/memory/${name}`), name).toBe(0o600);
    await storage.backup(path.join(root, 'backup'));
    expect(mode('backup')).toBe(0o700);
    expect(mode('backup/memory.mdb')).toBe(0o600);
    await storage.close();
    const copy = createFeatureStorage({ indexPath: path.join(root, 'backup'), readOnly: true });
    await copy.initialize();
    expect(mode('backup/memory.mdb-lock')).toBe(0o600);
    expect((await copy.verify()).ok).toBe(true);
    await copy.close();
  });
});
