import { monitorEventLoopDelay } from 'node:perf_hooks';
import { interval, map, type Observable, startWith } from 'rxjs';
import { LatencyHistogram, type LatencySummary } from './latency-histogram.ts';

/** One finished request. */
export interface RequestRecord {
  /** What was done, for example `processAudio`. A word, never user data. */
  operation: string;
  model?: string;
  /** `success` or the error's code. */
  outcome: string;
  milliseconds: number;
}

/** What was counted of one operation with one model. */
export interface RequestMetrics {
  operation: string;
  model?: string;
  succeeded: number;
  failed: number;
  /** How often it ended in which error code. */
  errors: Record<string, number>;
  /** Of the successful ones; a refused call that returns at once would only flatter it. */
  latency: LatencySummary;
}

/** What a watched component says of itself when asked: numbers, and words for states. */
export type ComponentReadings = Record<string, number | string | null>;

/** How this process is doing. */
export interface SystemMetrics {
  uptimeSeconds: number;
  rssBytes: number;
  heapUsedBytes: number;
  /** Memory outside the JavaScript heap: audio and vectors live there. */
  externalBytes: number;
  /** How late this process's event loop runs. */
  eventLoopDelay: LatencySummary;
}

/** Everything that a monitor knows at one moment. */
export interface HealthSnapshot {
  /** Milliseconds since 1970. */
  at: number;
  requests: RequestMetrics[];
  /** Latencies that are no requests, for example `heartbeat`, `connect`. */
  latencies: Record<string, LatencySummary>;
  /** How often what happened, for example `reconnect:UNREACHABLE`, `retry`, `dropped windows`. */
  events: Record<string, number>;
  /** The last word on each component, for example `circuit http://… earmark-small` → `open`. */
  states: Record<string, string>;
  /** What each watched component reads now. */
  components: Record<string, ComponentReadings>;
  system: SystemMetrics;
}

/** Names beyond this many are counted together under `other`, so that no label can fill the memory. */
const maximumNames = 256;
const eventLoopTickMs = 20;

/**
 * Counts what the parts of Earmark do and keeps their states, for the health node, `metrics()` and logs.
 * All methods are cheap (microseconds) and never throw. Close it when it is no longer needed.
 */
export class HealthMonitor {
  readonly #startedAt = performance.now();
  readonly #requests = new Map<string, RequestCounters>();
  readonly #latencies = new Map<string, LatencyHistogram>();
  readonly #events = new Map<string, number>();
  readonly #states = new Map<string, string>();
  readonly #components = new Map<string, () => ComponentReadings>();
  readonly #eventLoop = monitorEventLoopDelay({ resolution: eventLoopTickMs });

  constructor() {
    this.#eventLoop.enable();
  }

  recordRequest(request: RequestRecord): void {
    const { operation, model, outcome, milliseconds } = request;
    const key = boundedKey(this.#requests, model === undefined ? operation : `${operation} ${model}`);
    let counters = this.#requests.get(key);
    if (!counters) {
      counters = new RequestCounters(key === other ? { operation: other } : { operation, model });
      this.#requests.set(key, counters);
    }
    counters.record(outcome, milliseconds);
  }

  /** A latency that is no request: `heartbeat`, `connect`, `recovery`. */
  recordLatency(name: string, milliseconds: number): void {
    const key = boundedKey(this.#latencies, name);
    let histogram = this.#latencies.get(key);
    if (!histogram) {
      histogram = new LatencyHistogram();
      this.#latencies.set(key, histogram);
    }
    histogram.record(milliseconds);
  }

  /** Something that is counted: `retry`, `reconnect:UNREACHABLE`, `dropped windows`. */
  recordEvent(name: string, times = 1): void {
    const key = boundedKey(this.#events, name);
    this.#events.set(key, (this.#events.get(key) ?? 0) + times);
  }

  /** The state of a circuit, connection or process, in one word. */
  setState(component: string, state: string): void {
    this.#states.set(boundedKey(this.#states, component), state);
  }

  /**
   * Has `read` called at every snapshot, for values that are known at any time (queue depth, bytes unanswered).
   * Returns the function that ends it.
   */
  watch(component: string, read: () => ComponentReadings): () => void {
    const key = boundedKey(this.#components, component);
    this.#components.set(key, read);
    return () => {
      if (this.#components.get(key) === read) this.#components.delete(key);
    };
  }

  snapshot(): HealthSnapshot {
    const memory = process.memoryUsage();
    return {
      at: Date.now(),
      requests: [...this.#requests.values()].map((counters) => counters.metrics()),
      latencies: mapValues(this.#latencies, (histogram) => histogram.summary()),
      events: Object.fromEntries(this.#events),
      states: Object.fromEntries(this.#states),
      components: mapValues(this.#components, (read) => read()),
      system: {
        uptimeSeconds: (performance.now() - this.#startedAt) / 1000,
        rssBytes: memory.rss,
        heapUsedBytes: memory.heapUsed,
        externalBytes: memory.external,
        eventLoopDelay: summarizeLateness(this.#eventLoop),
      },
    };
  }

  /** A snapshot at once and then every `intervalMs` milliseconds, for as long as somebody listens. */
  snapshots$(intervalMs: number): Observable<HealthSnapshot> {
    return interval(intervalMs).pipe(
      startWith(0),
      map(() => this.snapshot()),
    );
  }

  /** Ends the watch over the event loop. What was counted stays readable. */
  close(): void {
    this.#eventLoop.disable();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

class RequestCounters {
  readonly #name: { operation: string; model?: string };
  readonly #latency = new LatencyHistogram();
  readonly #errors = new Map<string, number>();
  #succeeded = 0;
  #failed = 0;

  constructor(name: { operation: string; model?: string | undefined }) {
    const { operation, model } = name;
    this.#name = model === undefined ? { operation } : { operation, model };
  }

  record(outcome: string, milliseconds: number): void {
    if (outcome === 'success') {
      this.#succeeded++;
      this.#latency.record(milliseconds);
    } else {
      this.#failed++;
      const code = boundedKey(this.#errors, outcome);
      this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
    }
  }

  metrics(): RequestMetrics {
    return {
      ...this.#name,
      succeeded: this.#succeeded,
      failed: this.#failed,
      errors: Object.fromEntries(this.#errors),
      latency: this.#latency.summary(),
    };
  }
}

const other = 'other';

function boundedKey(map: ReadonlyMap<string, unknown>, key: string): string {
  return map.has(key) || map.size < maximumNames ? key : other;
}

function mapValues<In, Out>(map: ReadonlyMap<string, In>, convert: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries([...map].map(([key, value]) => [key, convert(value)]));
}

/** Node records how long each tick took; how late it was is what exceeds the tick itself. */
function summarizeLateness(delay: ReturnType<typeof monitorEventLoopDelay>): LatencySummary {
  if (delay.count === 0) return { count: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - eventLoopTickMs);
  return {
    count: delay.count,
    mean: late(delay.mean),
    p50: late(delay.percentile(50)),
    p95: late(delay.percentile(95)),
    p99: late(delay.percentile(99)),
    max: late(delay.max),
  };
}
