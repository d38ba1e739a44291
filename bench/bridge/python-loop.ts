import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** A Python program that computes windows on command and says how long each took. */
export interface PythonLoop extends Disposable {
  /** Seconds for each of these windows. */
  run(windows: readonly number[]): Promise<number[]>;
}

export async function startPythonLoop(
  python: string,
  script: string,
  args: readonly string[],
): Promise<PythonLoop> {
  const child = spawn(python, [path.join(import.meta.dirname, script), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4000);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => {
    const line = await lines.next();
    if (line.done) throw new Error(`${script} ended:\n${complaints}`);
    return line.value;
  };
  while ((await nextLine()) !== 'ready');
  return {
    run: async (windows) => {
      if (!child.stdin.write(`${JSON.stringify(windows)}\n`)) await once(child.stdin, 'drain');
      return JSON.parse(await nextLine()) as number[];
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}
