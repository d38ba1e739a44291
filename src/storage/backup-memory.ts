import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { LongOperationOptions } from './feature-storage.ts';
import { memoryFiles } from './memory-path.ts';
import type { OpenMemory } from './open-memory.ts';
import { StorageError, toStorageError } from './storage-error.ts';
import { refuseCancelled } from './verify-memory.ts';

/**
 * Copies the truth while the memory is in use; the caches are built anew by whoever opens the copy.
 * LMDB's own copy is a snapshot of one transaction. It is not asked to compact, which has lost data before.
 */
export async function backupMemory(
  memory: OpenMemory,
  target: string,
  options: LongOperationOptions,
): Promise<void> {
  const folder = path.resolve(target);
  const temporary = path.join(folder, `${memoryFiles.patterns}.tmp`);
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
    await memory.database.root.backup(temporary, false);
    await chmod(temporary, 0o600);
    await rename(temporary, path.join(folder, memoryFiles.patterns));
    options.onProgress?.({ done: 1, total: 1 });
  } catch (error) {
    await rm(temporary, { force: true });
    throw toStorageError(error, `The backup to "${target}"`);
  }
}
