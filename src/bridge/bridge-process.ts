import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { BehaviorSubject, type Observable } from 'rxjs';
import type { HealthMonitor } from '../health/health-monitor.ts';
import { BridgeError } from './bridge-error.ts';
import { type Cancellable, cancelled, withDeadline } from './deadline.ts';
import { exchange } from './http-exchange.ts';
import { LogTail } from './log-tail.ts';
import { sleep } from './sleep.ts';

export interface BridgeProcessOptions {
  /** The interpreter, from `ensurePythonEnvironment`. */
  python: string;
  /** Path of `python-bridge/server.py`. */
  script: string;
  /** Further arguments of the server. @default [] */
  arguments?: string[];
  /** Further environment variables of the server. @default {} */
  environment?: Record<string, string>;
  /** 0: any free port. A given port that is taken is an error. @default 0 */
  port?: number;
  /** Milliseconds until the server must be ready; it loads its model first. @default 60000 */
  startTimeout?: number;
  /** Milliseconds that the server may take to answer what is open before it is killed. @default 12000 */
  stopTimeout?: number;
  /** Gets each line that the server logs. */
  onLog?: (line: string) => void;
  health?: HealthMonitor;
}

/** `stopped` → `starting` → `ready` → `restarting` → `starting` …; `failed` where it never got ready: then
 * something must be changed first. */
export type BridgeProcessState =
  | { value: 'stopped' }
  | { value: 'starting'; attempt: number }
  | { value: 'ready'; url: string; pid: number }
  /** It ended or froze; it is started again after `retryInMs` milliseconds. */
  | { value: 'restarting'; error: BridgeError; retryInMs: number }
  | { value: 'stopping' }
  | { value: 'failed'; error: BridgeError };

const host = '127.0.0.1';
/** How many free ports somebody else may take before us. */
const portsUntilFailed = 5;
const firstBackoffMs = 500;
const longestBackoffMs = 30_000;
/** After this long in good health a crash counts as the first one again. */
const steadyMs = 60_000;
const readyPollMs = 100;
const watchEveryMs = 5000;
const watchTimeoutMs = 5000;
const missesUntilFrozen = 3;
const logLines = 200;
/** What the environment says of how another server is reached is not meant for this one. */
const ownAccess = { EARMARK_TOKEN_FILE: '', EARMARK_TLS_CERTIFICATE: '', EARMARK_TLS_KEY: '' };
const portTaken =
  /address (is )?already in use|only one usage of each socket address|port \d+ on \S+ is taken/i;

/**
 * Runs the Python server as a child on loopback, with a token of its own that only travels by environment: starts it, watches it,
 * starts it again when it dies or freezes, and ends it with this process.
 */
export class BridgeProcess {
  /** The server's bearer token; 256 random bits. */
  readonly token = randomBytes(32).toString('hex');
  readonly #options: Required<Omit<BridgeProcessOptions, 'health' | 'onLog'>>;
  readonly #health: HealthMonitor | undefined;
  readonly #state$ = new BehaviorSubject<BridgeProcessState>({ value: 'stopped' });
  readonly #log: LogTail;
  /** Of the child that runs now. */
  #lastWords = new LogTail(20);
  #portTaken = false;
  #child: ChildProcess | undefined;
  #port: number;
  #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: BridgeProcessOptions) {
    const { python, script, port = 0, startTimeout = 60_000, stopTimeout = 12_000 } = options;
    const { arguments: args = [], environment = {} } = options;
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new BridgeError('BAD_REQUEST', `The bridge's port must be 0 to 65535, not ${port}.`);
    }
    this.#options = { python, script, port, startTimeout, stopTimeout, arguments: args, environment };
    this.#health = options.health;
    this.#log = new LogTail(logLines, options.onLog);
    this.#port = port;
  }

  /** Each state from now on, the current one first. */
  get state$(): Observable<BridgeProcessState> {
    return this.#state$.asObservable();
  }

  get state(): BridgeProcessState {
    return this.#state$.value;
  }

  /** The server's address; stays the same over restarts unless another program took the port meanwhile. */
  get url(): string {
    return `http://${host}:${this.#port}`;
  }

  /** The last lines that the server logged, oldest first. */
  get log(): readonly string[] {
    return this.#log.lines;
  }

  /**
   * Resolves with the address when the server is ready. Calling it again returns the same start.
   * Aborting `signal` ends the waiting; `stop` ends the server.
   * @throws BridgeError `BRIDGE_PROCESS` with the end of the server's log; `CANCELLED`
   */
  async start({ signal }: Cancellable = {}): Promise<string> {
    if (!this.#running) {
      this.#stopping = new AbortController();
      this.#setState({ value: 'starting', attempt: 1 });
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
      });
    }
    const started = Promise.withResolvers<string>();
    const cancel = () => started.reject(cancelled('Starting the bridge', signal?.reason));
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
    const subscription = this.#state$.subscribe((state) => {
      if (state.value === 'ready') started.resolve(state.url);
      else if (state.value === 'failed') started.reject(state.error);
      else if (state.value === 'stopping' || state.value === 'stopped') started.reject(stopped());
    });
    try {
      return await started.promise;
    } finally {
      subscription.unsubscribe();
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Ends the server: it may answer what is open, then it is killed. Resolves when it is gone. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#stopping.abort(stopped());
    this.#setState({ value: 'stopping' });
    const child = this.#child;
    if (child) {
      // Windows has no SIGTERM, but the server ends with its input as well. Both together would tell it to hurry.
      if (process.platform === 'win32') child.stdin?.end();
      else child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), this.#options.stopTimeout);
      await this.#running;
      clearTimeout(kill);
    } else {
      await this.#running;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let wasReady = false;
    let failures = 0;
    for (let attempt = 1; !signal.aborted; attempt++) {
      let error: BridgeError;
      let readyAt = Number.POSITIVE_INFINITY;
      try {
        this.#setState({ value: 'starting', attempt });
        const child = await this.#launch();
        readyAt = performance.now();
        wasReady = true;
        this.#setState({ value: 'ready', url: this.url, pid: child.pid! });
        error = await this.#watch(child);
      } catch (caught) {
        error = caught instanceof BridgeError ? caught : this.#failure('It could not be started', caught);
      }
      if (signal.aborted) break;
      const otherPort = this.#portTaken && this.#options.port === 0;
      if (!wasReady && !(otherPort && attempt < portsUntilFailed)) {
        this.#setState({ value: 'failed', error });
        return;
      }
      failures = performance.now() - readyAt > steadyMs ? 1 : failures + 1;
      const retryInMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1));
      this.#health?.recordEvent('bridge restart');
      this.#setState({ value: 'restarting', error, retryInMs });
      await sleep(retryInMs, signal).catch(() => {});
    }
    this.#setState({ value: 'stopped' });
  }

  /** Starts the child and waits until it is ready. */
  async #launch(): Promise<ChildProcess> {
    if (this.#port === 0) this.#port = await freePort();
    this.#stopping.signal.throwIfAborted();
    const { python, script, startTimeout, environment } = this.#options;
    const args = [
      script,
      '--host',
      host,
      '--port',
      String(this.#port),
      '--exit-with-stdin',
      ...this.#options.arguments,
    ];
    const child = spawn(python, args, {
      env: { ...process.env, PYTHONUNBUFFERED: '1', ...environment, ...ownAccess, EARMARK_TOKEN: this.token },
      // The server ends when this pipe does, so that it never outlives a parent that was killed.
      stdio: ['pipe', 'pipe', 'pipe'],
      // A process group of its own: Ctrl+C in a terminal is for the parent, which then stops the server in its turn.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    this.#child = child;
    this.#portTaken = false;
    const lastWords = new LogTail(20);
    this.#lastWords = lastWords;
    const ended = ending(child);
    // Where no file descriptors are left there are no pipes either.
    child.stdin?.on('error', () => {}); // It may be gone when the pipe is closed.
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#log.append(text);
        lastWords.append(text);
      });
    }
    const gone = new AbortController();
    void ended.then((how) => {
      if (this.#child === child) this.#child = undefined;
      gone.abort(this.#died(how));
    });
    const signal = AbortSignal.any([this.#stopping.signal, gone.signal]);
    try {
      await withDeadline(startTimeout, signal, 'Starting the bridge', (signal) => this.#untilReady(signal));
      return child;
    } catch (error) {
      child.kill('SIGKILL'); // It has nothing to answer yet.
      await ended;
      if (error instanceof BridgeError && error.code === 'TIMEOUT') {
        throw this.#failure(`It was not ready within ${startTimeout / 1000} s`);
      }
      throw error;
    }
  }

  async #untilReady(signal: AbortSignal): Promise<void> {
    while (!(await this.#answers('/readyz', signal))) await sleep(readyPollMs, signal);
  }

  /** Resolves with the reason when the child has ended, by itself or because it was frozen. */
  async #watch(child: ChildProcess): Promise<BridgeError> {
    const ended = ending(child);
    const over = new AbortController();
    void ended.then(() => over.abort());
    let frozenMs: number | undefined;
    let answeredAt = performance.now();
    for (let misses = 0; !over.signal.aborted; ) {
      await sleep(watchEveryMs, over.signal).catch(() => {});
      if (over.signal.aborted || this.#stopping.signal.aborted) break;
      const answers = await this.#answers('/livez', over.signal);
      misses = answers ? 0 : misses + 1;
      if (answers) answeredAt = performance.now();
      if (misses >= missesUntilFrozen && !over.signal.aborted) {
        frozenMs = performance.now() - answeredAt;
        child.kill('SIGKILL');
        break;
      }
    }
    const how = await ended;
    return frozenMs === undefined
      ? this.#died(how)
      : this.#failure(`It did not answer for ${(frozenMs / 1000).toFixed(0)} s and was killed`);
  }

  async #answers(endpoint: string, signal: AbortSignal): Promise<boolean> {
    try {
      const answer = await withDeadline(watchTimeoutMs, signal, endpoint, (signal) =>
        exchange({
          method: 'GET',
          url: new URL(endpoint, this.url),
          token: this.token,
          maxResponseBytes: 64 * 1024,
          signal,
        }),
      );
      return answer.status === 200;
    } catch {
      return false;
    }
  }

  #died(how: string): BridgeError {
    this.#portTaken = portTaken.test(this.#lastWords.excerpt(20));
    const { port } = this.#options;
    if (!this.#portTaken) return this.#failure(`It ended with ${how}`);
    if (port !== 0)
      return this.#failure(`Port ${port} is taken by another program: stop it, or use another port`);
    this.#port = 0; // The next start looks for a free one.
    return this.#failure('Another program took its port');
  }

  #failure(what: string, cause?: unknown): BridgeError {
    const log = this.#lastWords.excerpt(12);
    const said = log === '' ? '' : ` Its last words:\n${log}`;
    return new BridgeError('BRIDGE_PROCESS', `The Python server is not running. ${what}.${said}`, { cause });
  }

  #setState(state: BridgeProcessState): void {
    this.#health?.setState('bridge process', state.value);
    this.#state$.next(state);
  }
}

/** How a child ended, in words; never rejects. */
function ending(child: ChildProcess): Promise<string> {
  if (child.exitCode !== null) return Promise.resolve(`exit code ${child.exitCode}`);
  if (child.signalCode !== null) return Promise.resolve(child.signalCode);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`an error: ${error.message}`));
    // `close` comes after `exit`, when its last words have been read.
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

function stopped(): BridgeError {
  return new BridgeError('CLOSED', 'The bridge was stopped.');
}
