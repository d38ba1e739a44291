import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, it, vi } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');

const runs = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

// On Windows npm's shell and what it started are one job.
it.skipIf(process.platform === 'win32')('ends with the shell in which npm runs it', async () => {
  const command = 'node scripts/setup.mjs ../tests/setup/waiting-task; true';
  const shell = spawn('sh', ['-c', command], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await once(shell.stdout, 'data');
  const pid = Number(/waiting (\d+)/.exec(String(said))?.[1]);
  expect(runs(pid)).toBe(true);
  // As npm does on SIGTERM; a shell passes it on to nobody.
  shell.kill();
  await vi.waitFor(() => expect(runs(pid)).toBe(false), { timeout: 10_000 });
});
