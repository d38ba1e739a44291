import { lstat, mkdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { StorageError, toStorageError } from './storage-error.ts';

/** The files of a memory's folder. Everything but `patterns` is a cache that can be deleted while closed. */
export const memoryFiles = {
  patterns: 'memory.mdb',
  patternsLock: 'memory.mdb-lock',
  heartbeat: 'writer.heartbeat',
  columns: 'columns.cache',
  graph: 'graph.usearch',
  graphSidecar: 'graph.json',
} as const;

/**
 * Makes the folder of a memory and answers its real path. With a root, neither `..` nor a symbolic link leads
 * out of it.
 */
export async function openMemoryFolder(
  indexPath: string,
  options: { root?: string; create: boolean },
): Promise<string> {
  const wanted = path.resolve(options.root ?? '.', indexPath);
  try {
    const root = options.root === undefined ? undefined : await realpath(path.resolve(options.root));
    if (root !== undefined) requireInside(root, await realPathOfDeepest(wanted), indexPath);
    if (options.create) await mkdir(wanted, { recursive: true, mode: 0o700 });
    const real = await realpath(wanted);
    // Once more: a link may have been put there in between.
    if (root !== undefined) requireInside(root, real, indexPath);
    if (!(await stat(real)).isDirectory()) {
      throw new StorageError('PATH', `indexPath "${indexPath}" is a file: give the path of a folder.`);
    }
    await refuseLinks(real);
    return real;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new StorageError('PATH', `indexPath "${indexPath}" does not exist: check the path.`, {
        cause: error,
      });
    }
    if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG') {
      throw new StorageError(
        'PATH',
        `indexPath "${indexPath}" is not a usable folder: choose another path.`,
        {
          cause: error,
        },
      );
    }
    throw toStorageError(error, `Opening the folder "${indexPath}"`);
  }
}

function requireInside(root: string, real: string, indexPath: string): void {
  const relative = path.relative(root, real);
  if (relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative)) {
    throw new StorageError(
      'PATH',
      `indexPath "${indexPath}" leads out of "${root}": choose a folder inside it, without symbolic links that leave it.`,
    );
  }
}

/** The real path of the part that exists, with the rest appended. A dangling link counts as a way out. */
async function realPathOfDeepest(wanted: string): Promise<string> {
  const rest: string[] = [];
  for (let current = wanted; ; current = path.dirname(current)) {
    try {
      await lstat(current);
      return path.join(await realpath(current), ...rest);
    } catch (error) {
      const parent = path.dirname(current);
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const dangling = missing && (await lstat(current).catch(() => undefined)) !== undefined;
      if (!missing || dangling || parent === current) throw error;
      rest.unshift(path.basename(current));
    }
  }
}

async function refuseLinks(folder: string): Promise<void> {
  for (const name of Object.values(memoryFiles)) {
    const found = await lstat(path.join(folder, name)).catch(() => undefined);
    if (found !== undefined && !found.isFile()) {
      throw new StorageError('PATH', `"${name}" in "${folder}" is not a plain file: remove it.`);
    }
  }
}
