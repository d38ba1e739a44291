import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Milliseconds; all 0 while `count` is 0. */
export interface LatencySummary {
  count: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** Latencies since the start, kept in constant memory at three significant digits. */
export class LatencyHistogram {
  readonly #microseconds: RecordableHistogram = createHistogram();

  /** Values below a microsecond count as one, those above an hour as an hour. */
  record(milliseconds: number): void {
    if (!Number.isFinite(milliseconds)) return;
    this.#microseconds.record(Math.max(1, Math.min(3_600_000_000, Math.round(milliseconds * 1000))));
  }

  summary(): LatencySummary {
    const { count, mean, max } = this.#microseconds;
    if (count === 0) return { count: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
    const percentile = (share: number) => this.#microseconds.percentile(share) / 1000;
    return {
      count,
      mean: mean / 1000,
      p50: percentile(50),
      p95: percentile(95),
      p99: percentile(99),
      max: max / 1000,
    };
  }
}
