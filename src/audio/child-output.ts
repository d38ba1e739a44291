import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { AudioError } from './audio-error.ts';

export interface ChildOutputOptions {
  signal?: AbortSignal | undefined;
  /** Fails with `TIMEOUT` when the program writes nothing for so many milliseconds while it is asked to. */
  silenceMs: number;
  /** Added to this process's environment. */
  environment?: Record<string, string>;
  /** Gets each line the program writes to stderr. */
  onStderr?: (line: string) => void;
}

/** A program ended by itself and says that it failed, or could not be started. */
export class ChildFailedError extends Error {
  /** Exit code; `null` when a signal ended it. */
  readonly code: number | null;
  /** The last of what it wrote to stderr, at most 4 kB. */
  readonly stderr: string;

  constructor(command: string, code: number | null, stderr: string) {
    super(`${command} ended with ${code ?? 'a signal'}: ${stderr}`);
    this.code = code;
    this.stderr = stderr;
  }
}

/**
 * Runs a program and yields its output as it is asked for; a full pipe holds the program back. The program is
 * ended when the iteration is, and it is gone when the iteration has ended.
 *
 * @throws AudioError `CANCELLED`, `TIMEOUT`, or `NOT_FOUND` where there is no such program.
 * @throws ChildFailedError where it ended by itself with anything but 0, or the machine has no room for it now.
 */
export async function* childOutput(
  command: string,
  args: readonly string[],
  options: ChildOutputOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { signal, silenceMs, environment, onStderr } = options;
  throwIfCancelled(signal);
  const { child, exited } = await launch(command, args, { ...process.env, ...environment });
  const stderr = collectLines(child.stderr, onStderr);
  let failure: AudioError | undefined;
  const stop = (error: AudioError) => {
    failure ??= error;
    end(child);
  };
  const cancel = () => stop(new AudioError('CANCELLED', 'Stopped.'));
  signal?.addEventListener('abort', cancel, { once: true });
  // It may have been while the program was started.
  if (signal?.aborted) cancel();
  const inTime = <T>(wait: Promise<T>): Promise<T> => {
    const late = `${command} delivered nothing for ${silenceMs / 1000} seconds.`;
    const timer = setTimeout(() => stop(new AudioError('TIMEOUT', late)), silenceMs);
    return wait.finally(() => clearTimeout(timer));
  };
  const chunks = child.stdout[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await inTime(chunks.next());
      if (failure !== undefined) throw failure;
      if (next.done) break;
      yield next.value;
    }
    // One that has closed its output need not end, and a child of its own may keep the pipes open.
    const code = await inTime(exited);
    if (failure !== undefined) throw failure;
    if (code !== 0) throw new ChildFailedError(command, code, stderr());
  } catch (error) {
    throw failure ?? error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    end(child);
    await exited.catch(() => undefined);
  }
}

async function launch(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  try {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true, env });
    const exited = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code));
    });
    exited.catch(() => undefined);
    // One that did not start has no pipes where no more files can be opened; its error follows.
    if (child.pid === undefined) await exited;
    return { child, exited };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new AudioError('NOT_FOUND', `The program ${command} is not installed.`, { cause: error });
    }
    throw new ChildFailedError(command, null, (error as Error).message);
  }
}

/** Asks the program to end and makes sure of it a second later. */
function end(child: ChildProcess): void {
  // Its own children may hold the pipes open; nobody reads them any more.
  child.stdout?.destroy();
  child.stderr?.destroy();
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 1000);
  child.once('close', () => clearTimeout(force));
}

function collectLines(stream: Readable, onLine: ((line: string) => void) | undefined): () => string {
  let kept = '';
  let line = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    kept = (kept + text).slice(-4096);
    if (onLine === undefined) return;
    const lines = (line + text).split(/\r?\n|\r/);
    line = lines.pop()!.slice(-4096);
    for (const whole of lines) onLine(whole);
  });
  return () => kept.trim();
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AudioError('CANCELLED', 'Stopped.', { cause: signal.reason });
}
