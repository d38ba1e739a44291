import type { Observable } from 'rxjs';
import type { AudioWindow } from '../audio/pcm.ts';
import { HealthMonitor, type HealthSnapshot } from '../health/health-monitor.ts';
import { type BridgeConfig, resolveBridgeConfig, urlBelow } from './bridge-config.ts';
import { BridgeError } from './bridge-error.ts';
import type { BridgeState } from './bridge-state.ts';
import { Circuit, type CircuitStateName } from './circuit.ts';
import { type Cancellable, withDeadline } from './deadline.ts';
import type { EmbeddedWindow, WindowOutcome } from './embedded-window.ts';
import { type ModelStatus, parseModelStatus } from './encoder-model.ts';
import { exchange, exchangeOk, type HttpAnswer, jsonObject } from './http-exchange.ts';
import { inferAudio } from './infer-audio.ts';
import { InferStream } from './infer-stream.ts';
import { ModelEndpoints } from './model-endpoints.ts';
import { embedOnce, type ProcessAudioOptions } from './process-audio.ts';
import { RetryBudget, retry } from './retry.ts';
import { type SessionReadings, totalReadings } from './session-readings.ts';
import { StreamSession } from './stream-session.ts';
import { WindowStream } from './window-stream.ts';
import type { WindowStreamOptions } from './window-stream-options.ts';

/** Whether the server can be used, and what it said. */
export interface BridgeHealth {
  ready: boolean;
  /** The server's own word (`ready`, `starting`, `draining`, `degraded`) or `unreachable`. */
  status: string;
  /** Milliseconds for the question and its answer. */
  roundTripMs: number;
  /** Why it could not be asked. */
  error?: BridgeError;
}

/** What `metrics()` reads. */
export interface BridgeMetrics extends SessionReadings {
  state: BridgeState['value'];
  /** By URL and model. */
  circuits: Record<string, CircuitStateName>;
  health: HealthSnapshot;
}

export interface LoadModelOptions extends Cancellable {
  /**
   * Milliseconds; a model may have to be downloaded and exported first. At most 280000, calling again goes on waiting.
   * @default 280000
   */
  timeout?: number;
}

const smallAnswerBytes = 4 * 1024 * 1024;
/** `fetch` waits 300 s for the head of an answer, whatever it is told, and then says that the server cannot be reached. */
const longestCallMs = 280_000;

/**
 * The way to the models: one-shot calls over HTTP, live and long audio over a WebSocket stream that survives reconnections.
 * Nothing is connected before the first call. Close it to let go of everything.
 *
 * @example
 * ```ts
 * import { PythonBridgeService } from '@earmark/node-red-sound-memory/bridge';
 *
 * const bridge = new PythonBridgeService({ baseUrl: 'http://127.0.0.1:8000', token: process.env.EARMARK_TOKEN });
 * const oneSecond = new Float32Array(16_000).map((_, i) => 0.3 * Math.sin(i / 8));
 * const [window] = await bridge.processAudio(oneSecond, { sampleRate: 16_000, window: 'whole' });
 * console.log(window.features.length); // 768
 * await bridge.close();
 * ```
 */
export class PythonBridgeService {
  readonly health: HealthMonitor;
  readonly #config: BridgeConfig;
  readonly #endpoints: ModelEndpoints;
  readonly #ownsHealth: boolean;
  readonly #unwatch: () => void;
  readonly #budget = new RetryBudget();
  readonly #circuits = new Map<string, Circuit>();
  /** Whether all circuits were opened by hand. */
  #held = false;
  /** By server, as `ModelEndpoints` names it: `''` is the configured one. */
  readonly #sessions = new Map<string, StreamSession>();
  readonly #closing = new AbortController();

  /** @throws BridgeError `BAD_REQUEST` where the configuration is wrong. */
  constructor(config: Partial<BridgeConfig> = {}, options: { health?: HealthMonitor } = {}) {
    this.#config = resolveBridgeConfig(config);
    this.#endpoints = new ModelEndpoints(this.#config);
    this.#ownsHealth = options.health === undefined;
    this.health = options.health ?? new HealthMonitor();
    this.#session('');
    this.#unwatch = this.health.watch('bridge', () => this.#readings());
  }

  /** Where the streaming connection to `baseUrl` stands, from now on. Completes when the service is closed. */
  get state$(): Observable<BridgeState> {
    return this.#session('').state$.asObservable();
  }

  /**
   * Asks `healthEndpoint` once, without retries. Does not throw for a server that is down: that is an answer.
   * @throws BridgeError `CANCELLED`, `CLOSED`
   */
  async checkHealth({ signal }: Cancellable = {}): Promise<BridgeHealth> {
    const startedAt = performance.now();
    const elapsed = () => performance.now() - startedAt;
    try {
      const answer = await withDeadline(
        this.#config.timeout,
        this.#signal(signal),
        'The health check',
        (signal) =>
          exchange({
            method: 'GET',
            url: urlBelow(this.#endpoints.base(''), this.#config.healthEndpoint),
            token: this.#config.token,
            maxResponseBytes: smallAnswerBytes,
            signal,
          }),
      );
      const ready = answer.status >= 200 && answer.status < 300;
      return {
        ready,
        status: statusWord(answer) ?? (ready ? 'ready' : `HTTP ${answer.status}`),
        roundTripMs: elapsed(),
      };
    } catch (error) {
      if (!(error instanceof BridgeError) || error.code === 'CANCELLED' || error.code === 'CLOSED')
        throw error;
      return { ready: false, status: 'unreachable', roundTripMs: elapsed(), error };
    }
  }

  /** The server's own report of `/health`: models, queue, GPU, memory; plain data as docs/protocol.md has it. */
  serverReport(options: Cancellable = {}): Promise<Record<string, unknown>> {
    return this.#json('serverReport', 'GET', '/health', undefined, options);
  }

  async listModels(options: Cancellable = {}): Promise<ModelStatus[]> {
    const { models } = await this.#json('listModels', 'GET', '/models', undefined, options);
    if (!Array.isArray(models))
      throw new BridgeError('BAD_RESPONSE', 'The server answered no list of models.');
    return models.map(parseModelStatus);
  }

  /** Resolves when the model is loaded. @throws BridgeError `MODEL_NOT_FOUND`, `MODEL_FAILED` … */
  async loadModel(name: string, options: LoadModelOptions = {}): Promise<ModelStatus> {
    const { timeout = longestCallMs } = options;
    return parseModelStatus(
      await this.#json('loadModel', 'POST', '/models/load', { name }, { ...options, timeout }),
    );
  }

  /** Frees the memory of a model. */
  async unloadModel(name: string, options: Cancellable = {}): Promise<ModelStatus> {
    return parseModelStatus(await this.#json('unloadModel', 'POST', '/models/unload', { name }, options));
  }

  /**
   * Embeds audio that is there as a whole, window by window. For long or live audio use {@link processAudioStream}, which
   * holds only a few windows.
   * @throws BridgeError of any code; see docs/protocol.md
   */
  processAudio(samples: Float32Array | Int16Array, options: ProcessAudioOptions): Promise<EmbeddedWindow[]> {
    const { model, signal } = options;
    const endpoint = this.#endpoints.openInference(model);
    const server = this.#endpoints.serverOf(model);
    const base = this.#endpoints.base(server);
    const token = this.#endpoints.token(server);
    return this.#call({ operation: 'processAudio', model, base, signal }, (signal) =>
      endpoint
        ? inferAudio(samples, options, { url: endpoint, model: model!, token, signal })
        : embedOnce(samples, options, { base, token, signal }),
    );
  }

  /**
   * Embeds windows as they come and yields an outcome for each, in order, exactly once, over as many reconnections as it takes.
   * The source is pulled only while there is room (or drops, see `overflow`). Nothing happens before the first `next()`;
   * ending the iteration, or aborting `signal`, lets go of the source and the server's work at once.
   *
   * A window that cannot be embedded is an outcome with an error. The iteration itself throws a BridgeError only when the
   * stream cannot go on: what was unanswered then has no outcome.
   *
   * With a model on an Open Inference endpoint each window is a request of its own; of the options only `model`, `signal` and
   * `giveUpAfter` mean something there.
   */
  processAudioStream(
    windows: AsyncIterable<AudioWindow>,
    options: WindowStreamOptions = {},
  ): AsyncIterableIterator<WindowOutcome> {
    const { model } = options;
    if (this.#endpoints.openInference(model)) {
      return new InferStream(windows, options, (window, signal) =>
        this.processAudio(window.samples, { sampleRate: window.sampleRate, model, window: 'whole', signal }),
      );
    }
    return new WindowStream(this.#session(this.#endpoints.serverOf(model)), windows, options);
  }

  /** What it does now and did since its start. */
  metrics(): BridgeMetrics {
    const circuits = Object.fromEntries([...this.#circuits].map(([name, circuit]) => [name, circuit.state]));
    const { value: state } = this.#session('').state$.value;
    return { ...this.#total(), state, circuits, health: this.health.snapshot() };
  }

  /** Refuses all calls and connections with `CIRCUIT_OPEN` until `closeCircuits()`; only `checkHealth` still asks. */
  openCircuits(): void {
    this.#held = true;
    for (const circuit of this.#circuits.values()) circuit.open();
  }

  /** Lets calls through at once, also where failures had opened a circuit. */
  closeCircuits(): void {
    this.#held = false;
    for (const circuit of this.#circuits.values()) circuit.close();
  }

  /** Ends calls and streams with `CLOSED` and resolves when the sockets are gone. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new BridgeError('CLOSED', 'The bridge was closed.'));
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
    this.#unwatch();
    if (this.#ownsHealth) this.health.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #session(server: string): StreamSession {
    let session = this.#sessions.get(server);
    if (!session) {
      session = new StreamSession({
        url: () => this.#endpoints.streams(server),
        token: this.#endpoints.token(server),
        timeout: this.#config.timeout,
        circuit: this.#circuit(`${server || 'bridge'} streams`),
        health: this.health,
      });
      this.#sessions.set(server, session);
    }
    return session;
  }

  #circuit(name: string): Circuit {
    let circuit = this.#circuits.get(name);
    if (!circuit) {
      circuit = new Circuit(name, (state) => {
        this.health.setState(`circuit ${name}`, state);
        this.health.recordEvent(`circuit:${state}`);
      });
      this.health.setState(`circuit ${name}`, circuit.state);
      if (this.#held) circuit.open();
      this.#circuits.set(name, circuit);
    }
    return circuit;
  }

  async #json(
    operation: string,
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    options: Cancellable & { timeout?: number },
  ): Promise<Record<string, unknown>> {
    const base = this.#endpoints.base('');
    const url = urlBelow(base, path);
    return this.#call({ operation, base, ...options }, async (signal) => {
      const answer = await exchangeOk({
        method,
        url,
        token: this.#config.token,
        maxResponseBytes: smallAnswerBytes,
        signal,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      return jsonObject(answer, url);
    });
  }

  /** deadline(retry(circuit(attempt))), counted. All calls are idempotent, so all may be tried again. */
  async #call<T>(
    call: {
      operation: string;
      model?: string | undefined;
      base: URL;
      timeout?: number;
      signal?: AbortSignal | undefined;
    },
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { operation, model, base } = call;
    const timeout = Math.min(longestCallMs, call.timeout ?? this.#config.timeout);
    const circuit = this.#circuit(`${base.origin} ${model ?? 'default'}`);
    const startedAt = performance.now();
    let outcome = 'success';
    try {
      return await withDeadline(timeout, this.#signal(call.signal), operation, (signal) =>
        retry(() => circuit.execute(() => attempt(signal)), {
          maxRetries: this.#config.maxRetries,
          budget: this.#budget,
          deadline: startedAt + timeout,
          signal,
          onRetry: (code) => this.health.recordEvent(`retry:${code}`),
        }),
      );
    } catch (error) {
      outcome = error instanceof BridgeError ? error.code : 'INTERNAL';
      throw error;
    } finally {
      const milliseconds = performance.now() - startedAt;
      this.health.recordRequest({
        operation,
        outcome,
        milliseconds,
        ...(model === undefined ? {} : { model }),
      });
    }
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
  }

  #readings(): Record<string, number | string | null> {
    return { state: this.#session('').state$.value.value, ...this.#total() };
  }

  #total(): SessionReadings {
    const [first, ...others] = [...this.#sessions.values()].map((session) => session.readings());
    return totalReadings(first!, others);
  }
}

function statusWord(answer: HttpAnswer): string | undefined {
  try {
    const { status } = JSON.parse(answer.body.toString('utf8')) as { status?: unknown };
    return typeof status === 'string' ? status.slice(0, 40) : undefined;
  } catch {
    return undefined;
  }
}
