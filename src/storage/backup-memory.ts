import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { LongOperationOptions } from './feature-storage.ts';
import { FeatureVectorDatabase } from './feature-vector-database.ts';
import { memoryFiles } from './memory-path.ts';
import type { OpenMemory } from './open-memory.ts';
import { StorageError, toStorageError } from './storage-error.ts';
import { refuseCancelled } from './verify-memory.ts';

/**
 * Copies the truth while the memory is in use; the caches are built anew by whoever opens the copy.
 * LMDB's own copy is a snapshot of one transaction. It is not asked to compact, which has lost data before, and cannot
 * be stopped; a signal counts once it is done.
 */
export async function backupMemory(
  memory: OpenMemory,
  target: string,
  options: LongOperationOptions,
): Promise<void> {
  const folder = path.resolve(target);
  // Of this call alone: another one to the same folder must not remove it.
  const unfinished = path.join(folder, `unfinished-${randomUUID()}`);
  const copy = path.join(unfinished, memoryFiles.patterns);
  refuseCancelled(options.signal);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const there = await readdir(folder);
    if (there.length > 0) {
      throw new StorageError(
        'PATH',
        `The folder "${target}" is not empty: give a new folder for each backup.`,
      );
    }
    await mkdir(unfinished, { mode: 0o700 });
    await memory.database.root.backup(copy, false);
    refuseCancelled(options.signal);
    await sync(copy, 0o600);
    await makeItsOwn(unfinished);
    refuseCancelled(options.signal);
    await rename(copy, path.join(folder, memoryFiles.patterns));
    await rm(unfinished, { recursive: true });
    // Not every system can; the rename is then as durable as it gets.
    await sync(folder).catch(() => undefined);
    options.onProgress?.({ done: 1, total: 1 });
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw toStorageError(error, `The backup to "${target}"`);
  }
}

async function sync(file: string, mode?: number): Promise<void> {
  const handle = await open(file, mode === undefined ? 'r' : 'r+');
  try {
    if (mode !== undefined) await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Nobody writes to the copy: put in the memory's place, it would else be taken for still open by its process. And from
 * here on it has a history of its own, of which the caches that lie there know nothing.
 */
async function makeItsOwn(folder: string): Promise<void> {
  const database = new FeatureVectorDatabase(folder, { readOnly: false });
  try {
    database.root.transactionSync(() => {
      database.setWriterLock(undefined);
      database.setIdentity({ ...database.identity()!, memory: randomUUID() });
    });
  } finally {
    await database.close();
  }
}
