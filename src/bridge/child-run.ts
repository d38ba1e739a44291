import { spawn } from 'node:child_process';
import { BridgeError } from './bridge-error.ts';
import { LogTail } from './log-tail.ts';

export interface ChildRun {
  /** Exit code; null when it was killed, undefined when the program does not exist. */
  code: number | null | undefined;
  output: LogTail;
}

/** Runs a program to its end, killing it when `signal` is aborted. @throws the signal's reason */
export function runChild(
  command: string,
  args: string[],
  options: { signal: AbortSignal; environment?: Record<string, string>; onLine?: (line: string) => void },
): Promise<ChildRun> {
  const { signal, environment, onLine } = options;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const output = new LogTail(100, onLine);
    const child = spawn(command, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const kill = () => child.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    // Where no file descriptors are left there are no pipes either.
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => output.append(text));
    }
    const settle = (code: ChildRun['code']) => {
      signal.removeEventListener('abort', kill);
      if (signal.aborted) reject(signal.reason);
      else resolve({ code, output });
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'EACCES') settle(undefined);
      else
        reject(
          new BridgeError('BRIDGE_PROCESS', `${command} could not be run: ${error.message}`, {
            cause: error,
          }),
        );
    });
    child.on('close', (code) => settle(code));
  });
}
