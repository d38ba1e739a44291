import { take, toArray } from 'rxjs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { HealthMonitor, type HealthSnapshot } from '../../src/health/health-monitor.ts';

afterEach(() => void vi.useRealTimers());

describe('the health monitor', () => {
  test('counts requests by operation and model, errors by code, and the latencies of successes', () => {
    using health = new HealthMonitor();
    for (let i = 1; i <= 1000; i++) {
      health.recordRequest({
        operation: 'processAudio',
        model: 'm',
        outcome: 'success',
        milliseconds: i / 10,
      });
    }
    health.recordRequest({ operation: 'processAudio', model: 'm', outcome: 'TIMEOUT', milliseconds: 30_000 });
    health.recordRequest({ operation: 'processAudio', model: 'm', outcome: 'TIMEOUT', milliseconds: 30_000 });
    health.recordRequest({ operation: 'listModels', outcome: 'UNREACHABLE', milliseconds: 1 });
    const { requests } = health.snapshot();
    expect(requests).toHaveLength(2);
    expect(requests[0]).toMatchObject({
      operation: 'processAudio',
      model: 'm',
      succeeded: 1000,
      failed: 2,
      errors: { TIMEOUT: 2 },
    });
    const { count, mean, p50, p95, p99, max } = requests[0]!.latency;
    expect(count).toBe(1000);
    for (const [measured, right] of [
      [mean, 50.05],
      [p50, 50],
      [p95, 95],
      [p99, 99],
      [max, 100],
    ] as const) {
      expect(Math.abs(measured - right) / right).toBeLessThan(0.01);
    }
    expect(requests[1]).toEqual({
      operation: 'listModels',
      succeeded: 0,
      failed: 1,
      errors: { UNREACHABLE: 1 },
      latency: { count: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 },
    });
  });

  test('keeps events, latencies, states and what components read now', () => {
    using health = new HealthMonitor();
    health.recordEvent('retry:TIMEOUT');
    health.recordEvent('dropped windows', 4);
    health.recordEvent('dropped windows');
    health.recordLatency('heartbeat', 2);
    health.recordLatency('heartbeat', Number.NaN);
    health.setState('circuit http://x m', 'open');
    health.setState('circuit http://x m', 'closed');
    let queued = 3;
    const unwatch = health.watch('bridge', () => ({ queued, state: 'ready' }));
    expect(health.snapshot()).toMatchObject({
      events: { 'retry:TIMEOUT': 1, 'dropped windows': 5 },
      latencies: { heartbeat: { count: 1, p50: 2 } },
      states: { 'circuit http://x m': 'closed' },
      components: { bridge: { queued: 3, state: 'ready' } },
    });
    queued = 9;
    expect(health.snapshot().components.bridge).toEqual({ queued: 9, state: 'ready' });
    unwatch();
    expect(health.snapshot().components).toEqual({});
  });

  test('reads the process it runs in, and sees its event loop blocked', async () => {
    using health = new HealthMonitor();
    await new Promise((resolve) => setTimeout(resolve, 60));
    const until = performance.now() + 200;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const { system, at } = health.snapshot();
    expect(Math.abs(at - Date.now())).toBeLessThan(1000);
    expect(system.rssBytes).toBeGreaterThan(20e6);
    expect(system.uptimeSeconds).toBeGreaterThan(0.3);
    expect(system.eventLoopDelay.max).toBeGreaterThan(150);
  });

  test('never holds more names than it is made for', () => {
    using health = new HealthMonitor();
    for (let i = 0; i < 5000; i++) {
      health.recordRequest({ operation: `o${i}`, outcome: 'success', milliseconds: 1 });
      health.recordRequest({ operation: 'o0', outcome: `E${i}`, milliseconds: 1 });
      health.recordEvent(`e${i}`);
      health.recordLatency(`l${i}`, 1);
      health.setState(`s${i}`, 'on');
    }
    const snapshot = health.snapshot();
    expect(snapshot.requests).toHaveLength(257);
    expect(snapshot.requests.at(-1)).toMatchObject({ operation: 'other', succeeded: 5000 - 256 });
    expect(Object.keys(snapshot.requests[0]!.errors)).toHaveLength(257);
    expect(snapshot.events.other).toBe(5000 - 256);
    expect(Object.keys(snapshot.latencies)).toHaveLength(257);
    expect(Object.keys(snapshot.states)).toHaveLength(257);
  });

  test('tells its snapshots at once and then at intervals, while somebody listens', () => {
    vi.useFakeTimers();
    using health = new HealthMonitor();
    let snapshots: HealthSnapshot[] | undefined;
    health
      .snapshots$(1000)
      .pipe(take(3), toArray())
      .subscribe((all) => {
        snapshots = all;
      });
    health.recordEvent('retry');
    vi.advanceTimersByTime(1999);
    expect(snapshots).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(snapshots!.map(({ events }) => events.retry ?? 0)).toEqual([0, 1, 1]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
