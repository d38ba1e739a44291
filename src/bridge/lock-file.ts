import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { sleep } from './sleep.ts';

const pollMs = 250;
/** How often the holder touches its lock. */
const touchMs = 2000;
/** Looks at an untouched lock until its holder counts as gone: half a minute. Counted, so that sleep and clocks do not matter. */
const looksUntilGone = 120;

/**
 * Runs `work` while holding a lock file that names this process. A lock whose process is gone is taken over, and so is one
 * that nobody touches: after a restart of the machine or the container another process has the number, often the same program.
 * @throws the signal's reason, or what `work` throws
 */
export async function withLockFile<T>(
  file: string,
  { signal, onWait }: { signal: AbortSignal; onWait: () => void },
  work: () => Promise<T>,
): Promise<T> {
  const mine = `${process.pid} ${randomUUID()}`;
  let seen: { holder: string; touched: number; looks: number } | undefined;
  for (let waited = false; !(await take(file, mine)); waited = true) {
    if (!waited) onWait();
    const holder = await contentOf(file);
    const touched = (await stat(file).catch(() => undefined))?.mtimeMs;
    if (holder !== undefined && touched !== undefined) {
      const isSame = seen?.holder === holder && seen.touched === touched;
      seen = { holder, touched, looks: isSame ? seen!.looks + 1 : 1 };
      if (!isRunning(holder) || seen.looks >= looksUntilGone) await removeStale(file, holder);
    }
    await sleep(pollMs, signal);
  }
  const touching = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {}); // Gone: somebody has taken it over.
  }, touchMs);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    if ((await contentOf(file)) === mine) await rm(file, { force: true });
  }
}

async function take(file: string, mine: string): Promise<boolean> {
  const own = `${file}.${randomUUID()}`;
  await writeFile(own, mine);
  try {
    // A link appears with its content, so that nobody reads a lock that is still empty.
    await link(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(own, { force: true });
  }
}

async function removeStale(file: string, holder: string): Promise<void> {
  // Moved before it is removed: of two that find it stale, one moves it; had the other one's new lock been moved, it is put back.
  const moved = `${file}.${randomUUID()}`;
  await rename(file, moved).catch(() => {});
  const content = await contentOf(moved);
  if (content !== undefined && content !== holder) await link(moved, file).catch(() => {});
  await rm(moved, { force: true });
}

function contentOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

function isRunning(holder: string): boolean {
  const pid = Number.parseInt(holder, 10);
  if (!(pid >= 1)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
