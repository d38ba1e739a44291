import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { sleep } from './sleep.ts';

const pollMs = 250;

/**
 * Runs `work` while holding a lock file with this process's number in it. A lock whose process is gone is taken over.
 * @throws the signal's reason, or what `work` throws
 */
export async function withLockFile<T>(
  file: string,
  { signal, onWait }: { signal: AbortSignal; onWait: () => void },
  work: () => Promise<T>,
): Promise<T> {
  for (let waited = false; !(await take(file)); waited = true) {
    if (!waited) onWait();
    await sleep(pollMs, signal);
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<boolean> {
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, String(process.pid));
  try {
    // A link appears with its content, so that nobody reads a lock that is still empty.
    await link(mine, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await removeIfStale(file);
    return false;
  } finally {
    await rm(mine, { force: true });
  }
}

async function removeIfStale(file: string): Promise<void> {
  const holder = await readFile(file, 'utf8').catch(() => undefined);
  if (holder === undefined || isRunning(Number(holder))) return;
  // Moved before it is removed: of two that find it stale, one moves it; had the other one's new lock been moved, it is put back.
  const moved = `${file}.stale.${process.pid}`;
  await rename(file, moved).catch(() => {});
  const content = await readFile(moved, 'utf8').catch(() => undefined);
  if (content !== undefined && content !== holder) await link(moved, file).catch(() => {});
  await rm(moved, { force: true });
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
