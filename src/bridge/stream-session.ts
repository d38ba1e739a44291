import { BehaviorSubject } from 'rxjs';
import type { HealthMonitor } from '../health/health-monitor.ts';
import { BridgeError } from './bridge-error.ts';
import type { BridgeState } from './bridge-state.ts';
import type { Circuit } from './circuit.ts';
import type { ReadyMessage } from './control-messages.ts';
import type { HeartbeatReading } from './heartbeat.ts';
import { jitteredDelay } from './retry.ts';
import type { SessionReadings } from './session-readings.ts';
import { sleep } from './sleep.ts';
import { type SocketState, StreamSocket } from './stream-socket.ts';
import type { WindowStream, WindowStreamHost } from './window-stream.ts';

export interface StreamSessionOptions {
  /** Asked before each attempt. */
  url: () => URL;
  token?: string | undefined;
  /** Milliseconds for an answer that is owed. */
  timeout: number;
  circuit: Circuit;
  health: HealthMonitor;
}

/** Longer waits for a connection help nobody: the next attempt does better. */
const longestConnectMs = 10_000;

/**
 * Keeps one connection for all the streams to one server: connects while a stream wants it, reconnects with backoff behind a
 * circuit, and lets go when the last stream has ended.
 */
export class StreamSession implements WindowStreamHost {
  readonly state$ = new BehaviorSubject<BridgeState>({ value: 'idle' });
  readonly #options: StreamSessionOptions;
  readonly #streams = new Set<WindowStream>();
  /** Present while it can carry streams. */
  #usable: { socket: StreamSocket; ready: ReadyMessage } | undefined;
  #socket: StreamSocket | undefined;
  #running: Promise<void> | undefined;
  #attempt = 0;
  /** Aborted when there is nothing left to wait for. */
  #waiting = new AbortController();
  #closed = false;
  #heartbeat: HeartbeatReading | undefined;
  #creditStalledMs = 0;
  #reconnects = 0;
  #resent = 0;
  #dropped = 0;
  #audioSeconds = 0;

  constructor(options: StreamSessionOptions) {
    this.#options = options;
  }

  connect(stream: WindowStream): void {
    if (this.#closed) {
      stream.fail(closedError());
      return;
    }
    this.#streams.add(stream);
    if (this.#usable) stream.attach(this.#usable.socket, this.#usable.ready);
    else this.#running ??= this.#run();
  }

  connectLater(stream: WindowStream, error: BridgeError): void {
    const delay = Math.max(jitteredDelay(4), error.retryAfterMs ?? 0);
    void this.#sleep(delay).then(() => stream.connectAgain());
  }

  release(stream: WindowStream): void {
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    this.#waiting.abort();
    this.#hangUp();
  }

  onAnswer({
    model,
    outcome,
    milliseconds,
    audioSeconds,
  }: Parameters<WindowStreamHost['onAnswer']>[0]): void {
    this.#attempt = 0;
    this.#audioSeconds += audioSeconds;
    this.#options.health.recordRequest({ operation: 'window', model, outcome, milliseconds });
  }

  onDrop(): void {
    this.#dropped++;
    this.#options.health.recordEvent('dropped windows');
  }

  onCreditStall(milliseconds: number): void {
    this.#creditStalledMs += milliseconds;
  }

  onResend(): void {
    this.#resent++;
    this.#options.health.recordEvent('resent windows');
  }

  onRecovery(milliseconds: number): void {
    this.#options.health.recordLatency('recovery', milliseconds);
  }

  readings(): SessionReadings {
    const streams = [...this.#streams];
    const sum = (read: (stream: WindowStream) => number) =>
      streams.reduce((total, stream) => total + read(stream), 0);
    return {
      streams: streams.length,
      queuedWindows: sum((stream) => stream.unsent),
      unansweredWindows: sum((stream) => stream.unanswered),
      unansweredBytes: sum((stream) => stream.unansweredBytes),
      bufferedBytes: this.#socket?.bufferedBytes ?? 0,
      heartbeatMs: this.#heartbeat?.milliseconds ?? null,
      reconnects: this.#reconnects,
      resentWindows: this.#resent,
      droppedWindows: this.#dropped,
      creditStalledMs: this.#creditStalledMs,
      audioSeconds: this.#audioSeconds,
      serverQueued: this.#heartbeat?.queued ?? null,
      serverBusy: this.#heartbeat?.busy ?? null,
    };
  }

  /** Ends all streams with `CLOSED` and resolves when the socket is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of [...this.#streams]) stream.fail(closedError());
    await this.#running;
    this.state$.next({ value: 'closed' });
    this.state$.complete();
  }

  async #run(): Promise<void> {
    this.#attempt = 0;
    while (this.#streams.size > 0) {
      this.#attempt++;
      const error = await this.#connection();
      if (this.#streams.size === 0) break;
      if (error.code === 'CLOSED') continue; // Hung up for want of streams just before a new one came.
      if (!error.retryable && error.code !== 'CIRCUIT_OPEN') {
        this.state$.next({ value: 'closed', error });
        for (const stream of [...this.#streams]) stream.fail(error);
        this.#running = undefined;
        return;
      }
      await this.#pause(error);
    }
    this.#running = undefined;
    if (!this.#closed) this.state$.next({ value: 'idle' });
  }

  async #pause(error: BridgeError): Promise<void> {
    this.#reconnects++;
    this.#options.health.recordEvent(`reconnect:${error.code}`);
    for (const stream of this.#streams) stream.connectionFailed(error);
    const retryInMs = Math.max(
      jitteredDelay(this.#attempt),
      error.retryAfterMs ?? 0,
      this.#options.circuit.opensInMs,
    );
    this.state$.next({ value: 'closed', error, retryInMs });
    await this.#sleep(retryInMs);
  }

  /** Resolves early when no stream is left to wait for. */
  #sleep(milliseconds: number): Promise<void> {
    if (this.#waiting.signal.aborted) this.#waiting = new AbortController();
    return sleep(milliseconds, this.#waiting.signal).catch(() => {});
  }

  /** Connects, carries the streams, and resolves with the reason when the connection has ended. Never rejects. */
  async #connection(): Promise<BridgeError> {
    let ended: Promise<BridgeError> | undefined;
    try {
      await this.#options.circuit.execute(async () => {
        const connection = this.#dial();
        ended = connection.ended;
        await connection.ready;
      });
    } catch (error) {
      if (error instanceof BridgeError) return error;
      return new BridgeError('INTERNAL', `The connection could not be made: ${error}`, { cause: error });
    }
    return ended!;
  }

  /** `ready` rejects where `ended` resolves before it. */
  #dial(): { ready: Promise<void>; ended: Promise<BridgeError> } {
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<BridgeError>();
    const { url, token, timeout, health } = this.#options;
    const startedAt = performance.now();
    const attempt = this.#attempt;
    const onState = (state: SocketState) => {
      switch (state.value) {
        case 'connecting':
        case 'handshaking':
          this.state$.next({ value: state.value, attempt });
          break;
        case 'ready':
          health.recordLatency('connect', performance.now() - startedAt);
          this.#usable = { socket, ready: state.ready };
          this.state$.next({ value: 'ready', server: state.ready.server, models: state.ready.models });
          for (const stream of this.#streams) stream.attach(socket, state.ready);
          ready.resolve();
          break;
        case 'draining':
          this.#usable = undefined;
          this.state$.next({ value: 'draining', server: state.ready.server });
          break;
        case 'closed':
          this.#usable = undefined;
          this.#socket = undefined;
          ended.resolve(state.error);
          ready.reject(state.error);
          break;
      }
    };
    const socket = new StreamSocket({
      url: url(),
      token,
      connectTimeout: Math.min(longestConnectMs, timeout),
      answerTimeout: timeout,
      onState,
      onHeartbeat: (heartbeat) => {
        this.#heartbeat = heartbeat;
        health.recordLatency('heartbeat', heartbeat.milliseconds);
      },
    });
    this.#socket = socket;
    onState(socket.state);
    return { ready: ready.promise, ended: ended.promise };
  }

  #hangUp(): void {
    this.#usable = undefined;
    this.#socket?.close();
  }
}

function closedError(): BridgeError {
  return new BridgeError('CLOSED', 'The bridge was closed. Make a new PythonBridgeService to go on.');
}
