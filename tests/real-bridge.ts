import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePythonEnvironment } from '../src/bridge/python-environment.ts';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const bridgeFolder = path.join(root, 'python-bridge');

/** A large model on a busy machine takes its time to warm up. */
const startLimitMs = 180_000;

export const serverScript = path.join(bridgeFolder, 'server.py');

/** The model that the project ships. */
export const shippedModel = 'earmark-small';
export const hasShippedModel = existsSync(path.join(bridgeFolder, 'encoders', shippedModel, 'manifest.json'));

export interface RealBridgeOptions {
  /**
   * `fixture`: the Python tests' model of 8 dimensions, quick to start and to run; a sample of 4.4 keeps it busy for about a
   * second, one of 8 for ever (python-bridge/tests/bundle.py). `shipped`: the project's own, of 768 dimensions.
   * @default 'shipped' where it exists, else 'fixture'
   */
  model?: 'fixture' | 'shipped';
  /** Path of a models.json to use instead. */
  models?: string;
  /** Further arguments, for example `['--heartbeat', '0.2']`. */
  arguments?: string[];
}

/** The real Python server on a port of its own. */
export interface RealBridge {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly pid: number;
  /** What it logged. */
  log(): string;
  /** Ends it as a service manager would; resolves when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: it holds its connections but answers nothing. */
  suspend(): void;
  /** SIGCONT. */
  resume(): void;
  /** Starts it again, after `stop` or `kill`, at the same address with the same token. */
  restart(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The environment of `npm test`. */
export async function testPython(): Promise<string> {
  const { python } = await ensurePythonEnvironment({
    directory: path.join(root, '.venv'),
    requirements: ['requirements.txt', 'requirements-test.txt'].map((name) => path.join(bridgeFolder, name)),
  });
  return python;
}

/** Starts the server and resolves when it is ready. End it with `stop`, or `await using`. */
export async function startRealBridge(options: RealBridgeOptions = {}): Promise<RealBridge> {
  const { model = hasShippedModel ? 'shipped' : 'fixture', arguments: args = [] } = options;
  const python = await testPython();
  const folder = await mkdtemp(path.join(tmpdir(), 'earmark-bridge-'));
  const shipped = path.join(bridgeFolder, 'models.json');
  const models = options.models ?? (model === 'fixture' ? await writeFixtureModels(python, folder) : shipped);
  const port = await freePort();
  const url = `${args.includes('--tls-certificate') ? 'https' : 'http'}://127.0.0.1:${port}`;
  const token = randomBytes(32).toString('hex');
  let child: ChildProcess | undefined;
  let output = '';

  const start = async () => {
    const started = spawn(
      python,
      [
        'server.py',
        '--host',
        '127.0.0.1',
        '--port',
        String(port),
        '--models',
        models,
        '--exit-with-stdin',
        ...args,
      ],
      { cwd: bridgeFolder, env: { ...process.env, EARMARK_TOKEN: token }, stdio: ['pipe', 'pipe', 'pipe'] },
    );
    child = started;
    for (const stream of [started.stdout, started.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-20_000);
      });
    }
    const deadline = Date.now() + startLimitMs;
    while (!(await isReady(url))) {
      if (hasEnded(started)) throw new Error(`The Python server ended while it was starting:\n${output}`);
      if (Date.now() > deadline)
        throw new Error(`The Python server was not ready within ${startLimitMs / 1000} s:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!child || hasEnded(child)) return;
    const ended = once(child, 'close');
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  };
  await start();

  const stop = async () => {
    await end('SIGTERM');
  };
  return {
    url,
    port,
    token,
    get pid() {
      return child!.pid!;
    },
    log: () => output,
    stop,
    kill: () => end('SIGKILL'),
    suspend: () => void child!.kill('SIGSTOP'),
    resume: () => void child!.kill('SIGCONT'),
    restart: start,
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Writes the fixture model into `folder`; returns the path of its models.json. */
export async function writeFixtureModels(python: string, folder: string): Promise<string> {
  const code =
    'import sys; from pathlib import Path; from bundle import write_models; write_models(Path(sys.argv[1]))';
  const child = spawn(python, ['-c', code, folder], {
    cwd: path.join(bridgeFolder, 'tests'),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [exitCode] = await once(child, 'close');
  if (exitCode !== 0) throw new Error('The fixture model could not be written (see above).');
  return path.join(folder, 'models.json');
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
