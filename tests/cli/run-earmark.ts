import { spawn } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';

export const earmarkScript = path.join(import.meta.dirname, '..', '..', 'src', 'cli', 'earmark.ts');

/** Reading the sources takes half of a short command's time; the processes of these tests share the work. */
const compileCache = path.join(os.tmpdir(), 'earmark-test-compile-cache');

export interface EarmarkRun {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Further environment variables; `undefined` removes one. */
  environment?: Record<string, string | undefined>;
  input?: string;
  cwd?: string;
}

/** Runs the real command in a process of its own. */
export async function earmark(args: string[], options: RunOptions = {}): Promise<EarmarkRun> {
  const child = startEarmark(args, options);
  child.stdin.end(options.input ?? '');
  return finish(child);
}

export function startEarmark(args: string[], { environment = {}, cwd }: RunOptions = {}) {
  return spawn(process.execPath, [earmarkScript, ...args], {
    cwd,
    env: {
      ...process.env,
      FORCE_COLOR: undefined,
      NODE_NO_WARNINGS: '1',
      NODE_COMPILE_CACHE: compileCache,
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export async function finish(child: ReturnType<typeof startEarmark>): Promise<EarmarkRun> {
  const run: EarmarkRun = { status: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    run.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    run.stderr += text;
  });
  [run.status] = (await once(child, 'close')) as [number | null];
  return run;
}
