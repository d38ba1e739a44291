import { setTimeout as sleep } from 'node:timers/promises';
import { BehaviorSubject, filter, firstValueFrom, fromEvent, takeUntil } from 'rxjs';
import { type BridgeConfig, PythonBridgeService } from '../../src/bridge/index.ts';
import type { EarmarkError } from '../../src/errors.ts';
import type { HealthMonitor } from '../../src/health/health-monitor.ts';
import { codedError, NodeError } from '../node-error.ts';

/** How the bridge stands, in the words that nodes show. */
export type BridgeCondition =
  /** No node uses it, so it is not started. */
  | { value: 'unused' }
  /** A Python environment is being set up. */
  | { value: 'installing' }
  | { value: 'starting' }
  | { value: 'ready' }
  /** It was there or should be, and does not answer. */
  | { value: 'away'; error?: EarmarkError }
  /** Held back by hand. */
  | { value: 'paused' }
  /** It cannot be started; nothing more is tried before the next deployment. */
  | { value: 'failed'; error: EarmarkError };

/** A server to be reached: one that runs already, or one that is started first. */
export interface BridgeServer {
  /** Resolves with how to reach it; may take minutes and tells what it is doing. */
  start(
    onStep: (step: 'installing' | 'starting') => void,
    signal: AbortSignal,
  ): Promise<Partial<BridgeConfig>>;
  /** Why it was given up; undefined while it runs or is started again. */
  readonly failure: EarmarkError | undefined;
  stop(): Promise<void>;
}

export interface ConnectionOptions {
  server: BridgeServer;
  /** Milliseconds for one call. */
  timeout: number;
  maxRetries: number;
  /** The model to ask for; without one the server's own default. */
  model?: string;
  health: HealthMonitor;
}

/** How often a bridge that answers, and one that does not, is asked. */
const readyPollMs = 5000;
const awayPollMs = 1000;
/** A health check that takes longer is a server that hangs. */
const checkDeadlineMs = 5000;

/** One bridge for all nodes that use it: the calls, the server where it is ours, and how it stands. */
export class BridgeConnection {
  readonly condition$ = new BehaviorSubject<BridgeCondition>({ value: 'unused' });
  readonly health: HealthMonitor;
  readonly model: string | undefined;
  readonly #options: ConnectionOptions;
  readonly #closing = new AbortController();
  readonly #thresholds = new Map<string, number | undefined>();
  #service: PythonBridgeService | undefined;
  #watching: Promise<void> | undefined;
  #paused = false;
  #wake = () => {};

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.model = options.model;
    this.health = options.health;
  }

  /** Undefined until it is known how to reach the server. */
  get service(): PythonBridgeService | undefined {
    return this.#service;
  }

  /** The first node that uses the bridge starts it. */
  use(): void {
    this.#watching ??= this.#watch();
  }

  /** Resolves when calls make sense; rejects when they never will, or with the signal's reason. */
  async ready(signal: AbortSignal): Promise<PythonBridgeService> {
    const condition = await firstValueFrom(
      this.condition$.pipe(
        filter(({ value }) => value === 'ready' || value === 'failed'),
        takeUntil(fromEvent(signal, 'abort')),
      ),
      { defaultValue: undefined },
    );
    signal.throwIfAborted();
    if (condition?.value === 'failed') throw condition.error;
    if (condition === undefined || this.#service === undefined) {
      throw new NodeError('NOT_SET_UP', 'The bridge was closed by a new deployment.');
    }
    return this.#service;
  }

  /** A call failed as if the bridge were gone: looks at once instead of at the next turn. */
  suspect(error: EarmarkError): void {
    if (this.condition$.value.value === 'ready') this.#say({ value: 'away', error });
    this.#wake();
  }

  /** Holds all calls back until `closeCircuits()`. */
  openCircuits(): void {
    this.#paused = true;
    this.#service?.openCircuits();
    this.#say({ value: 'paused' });
  }

  /** Lets calls through at once, also where failures had opened a circuit. */
  closeCircuits(): void {
    this.#service?.closeCircuits();
    if (this.#paused) {
      this.#paused = false;
      this.#say({ value: 'starting' });
    }
    this.#wake();
  }

  /** The similarity that was measured for a model; undefined where none was, or the server does not say. */
  async defaultThreshold(name = this.model): Promise<number | undefined> {
    const key = name ?? '';
    if (!this.#thresholds.has(key)) {
      const models = await this.#service?.listModels({ signal: this.#closing.signal }).catch(() => undefined);
      if (models === undefined) return undefined;
      const loaded = models.filter(({ state }) => state === 'loaded');
      const status = name === undefined ? loaded[0] : models.find((one) => one.name === name);
      this.#thresholds.set(key, status?.model?.calibration?.defaultThreshold);
    }
    return this.#thresholds.get(key);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake();
    await Promise.all([this.#service?.close(), this.#watching]);
    await this.#options.server.stop();
    this.health.close();
    this.condition$.complete();
  }

  async #watch(): Promise<void> {
    const { server, timeout, maxRetries, health } = this.#options;
    try {
      const reached = await server.start((step) => this.#say({ value: step }), this.#closing.signal);
      this.#service = new PythonBridgeService({ ...reached, timeout, maxRetries }, { health });
      if (this.#paused) this.#service.openCircuits();
    } catch (thrown) {
      this.#say({ value: 'failed', error: codedError(thrown) });
      return;
    }
    while (!this.#closing.signal.aborted) {
      this.#say(await this.#look(this.#service));
      await this.#pauseBetween();
    }
    await this.#service.close();
  }

  async #look(service: PythonBridgeService): Promise<BridgeCondition> {
    const { failure } = this.#options.server;
    if (failure !== undefined) return { value: 'failed', error: failure };
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(checkDeadlineMs)]);
    const health = await service.checkHealth({ signal }).catch(() => undefined);
    if (health?.ready) return { value: 'ready' };
    if (health !== undefined && health.status !== 'unreachable') return { value: 'starting' };
    // Another model may be behind the address when it is back.
    this.#thresholds.clear();
    return { value: 'away', ...(health?.error && { error: health.error }) };
  }

  async #pauseBetween(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const ms = this.condition$.value.value === 'ready' ? readyPollMs : awayPollMs;
    const timer = new AbortController();
    const signal = AbortSignal.any([timer.signal, this.#closing.signal]);
    await Promise.race([woken, sleep(ms, undefined, { signal }).catch(() => {})]);
    timer.abort();
  }

  #say(condition: BridgeCondition): void {
    if (this.#closing.signal.aborted) return;
    const next: BridgeCondition = this.#paused ? { value: 'paused' } : condition;
    if (next.value !== this.condition$.value.value) this.condition$.next(next);
  }
}
