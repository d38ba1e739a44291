import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withLockFile } from '../../src/bridge/lock-file.ts';

const realTimeout = setTimeout;
let folder: string;
let file: string;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  folder = await mkdtemp(path.join(tmpdir(), 'earmark-lock-'));
  file = path.join(folder, 'python.lock');
});

afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

/** Lets the clock run, a quarter of a second for each two milliseconds of file work, until `work` is done or the time is over. */
async function run<T>(work: Promise<T>, seconds = 300): Promise<T | 'time is over'> {
  const result = work.finally(() => {
    seconds = 0;
  });
  for (; seconds > 0; seconds -= 0.25) {
    vi.advanceTimersByTime(250);
    await new Promise((resolve) => realTimeout(resolve, 2));
  }
  return Promise.race([result, Promise.resolve('time is over' as const)]);
}

const lock = (work: () => Promise<void>, onWait = () => {}) =>
  withLockFile(file, { signal: new AbortController().signal, onWait }, work);

describe('a lock file', () => {
  test('lets one at a time through, also within one process', async () => {
    let inside = 0;
    let most = 0;
    const works = Array.from({ length: 8 }, () =>
      lock(async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        inside--;
      }),
    );
    await run(Promise.all(works));
    expect([most, inside]).toEqual([1, 0]);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ['this very process has', process.pid],
    ['another program has', process.ppid],
  ])('that was left behind under a number that %s now is taken over', async (_whose, pid) => {
    await writeFile(file, String(pid));
    const onWait = vi.fn();
    const done = vi.fn(async () => {});
    await run(lock(done, onWait));
    expect(done).toHaveBeenCalledOnce();
    expect(onWait).toHaveBeenCalledOnce();
    expect(await readdir(folder)).toEqual([]);
  });

  test('whose holder lives is waited for, however long it takes', async () => {
    const holding = Promise.withResolvers<void>();
    const held = lock(() => holding.promise);
    await run(new Promise<void>((resolve) => setTimeout(resolve, 250)));
    const next = vi.fn(async () => {});
    const waiting = lock(next);
    expect(await run(waiting, 90)).toBe('time is over');
    expect(next).not.toHaveBeenCalled();
    holding.resolve();
    await run(Promise.all([held, waiting]));
    expect(next).toHaveBeenCalledOnce();
  });
});
