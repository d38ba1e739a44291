import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BridgeError, type BridgeErrorCode } from '../../src/bridge/bridge-error.ts';
import { Circuit } from '../../src/bridge/circuit.ts';
import { withDeadline } from '../../src/bridge/deadline.ts';
import { jitteredDelay, RetryBudget, type RetryOptions, retry } from '../../src/bridge/retry.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function optionsOf(options: Partial<RetryOptions> = {}): RetryOptions {
  return {
    maxRetries: 3,
    budget: new RetryBudget(),
    deadline: performance.now() + 60_000,
    signal: new AbortController().signal,
    ...options,
  };
}

const failure = (code: BridgeErrorCode, retryAfterMs?: number) =>
  new BridgeError(code, 'no', retryAfterMs === undefined ? {} : { retryAfterMs });

/** Runs all timers until the promise settles. */
async function settle<T>(promise: Promise<T>): Promise<T | BridgeError> {
  const settled = promise.catch((error: BridgeError) => error);
  await vi.runAllTimersAsync();
  return settled;
}

describe('retry', () => {
  test('tries again what may succeed later, up to maxRetries', async () => {
    const attempt = vi.fn(() => Promise.reject(failure('UNREACHABLE')));
    const onRetry = vi.fn();
    expect(await settle(retry(attempt, optionsOf({ onRetry })))).toMatchObject({ code: 'UNREACHABLE' });
    expect(attempt).toHaveBeenCalledTimes(4);
    expect(onRetry.mock.calls).toEqual([['UNREACHABLE'], ['UNREACHABLE'], ['UNREACHABLE']]);
  });

  test('ends with the first success', async () => {
    const attempt = vi.fn().mockRejectedValueOnce(failure('TIMEOUT')).mockResolvedValueOnce('done');
    expect(await settle(retry(attempt, optionsOf()))).toBe('done');
    expect(attempt).toHaveBeenCalledTimes(2);
  });

  test.each([
    'BAD_REQUEST',
    'BAD_FRAME',
    'UNAUTHENTICATED',
    'FORBIDDEN_ORIGIN',
    'MODEL_NOT_FOUND',
    'MODEL_FAILED',
    'SAMPLE_RATE',
    'TOO_LARGE',
    'TOO_SHORT',
    'VERSION',
    'BAD_RESPONSE',
    'CIRCUIT_OPEN',
    'CANCELLED',
    'CLOSED',
  ] as const)('never tries again after %s', async (code) => {
    const attempt = vi.fn(() => Promise.reject(failure(code)));
    expect(await settle(retry(attempt, optionsOf()))).toMatchObject({ code });
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  test('waits as long as the server asked, and not at all where that is beyond the deadline', async () => {
    const attempt = vi.fn(() => Promise.reject(failure('OVERLOADED', 5000)));
    const startedAt = performance.now();
    await settle(retry(attempt, optionsOf({ maxRetries: 1 })));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(5000);
    expect(attempt).toHaveBeenCalledTimes(2);
    attempt.mockClear();
    await settle(retry(attempt, optionsOf({ deadline: performance.now() + 4000 })));
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  test('an abort ends the wait between attempts', async () => {
    const controller = new AbortController();
    const attempt = vi.fn(() => Promise.reject(failure('OVERLOADED', 30_000)));
    const settled = retry(attempt, optionsOf({ signal: controller.signal })).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    controller.abort(failure('CANCELLED'));
    expect(await settled).toMatchObject({ code: 'CANCELLED' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('around a circuit makes no attempt that the circuit would not', async () => {
    const circuit = new Circuit('http://x');
    const operation = vi.fn(() => Promise.reject(failure('UNREACHABLE')));
    const budget = new RetryBudget();
    for (let i = 0; i < 20; i++)
      await settle(
        retry(() => circuit.execute(operation), optionsOf({ budget, deadline: performance.now() + 500 })),
      );
    // Twenty calls of up to four attempts each; the fifth failure opened it.
    expect(operation.mock.calls.length).toBeLessThanOrEqual(7);
  });
});

describe('the retry budget', () => {
  test('keeps retries to a tenth of the calls beyond its reserve, whatever fails', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 500 }), (wanted) => {
        const budget = new RetryBudget();
        let retries = 0;
        for (const wishes of wanted) {
          budget.earn();
          for (let i = 0; i < wishes; i++) if (budget.spend()) retries++;
        }
        expect(retries).toBeLessThanOrEqual(RetryBudget.reserve + RetryBudget.perCall * wanted.length + 1e-6);
      }),
      { numRuns: 200 },
    );
  });

  test('stops a crowd of callers from retrying', async () => {
    const budget = new RetryBudget();
    const attempt = vi.fn(() => Promise.reject(failure('OVERLOADED')));
    await Promise.all(Array.from({ length: 200 }, () => settle(retry(attempt, optionsOf({ budget })))));
    expect(attempt.mock.calls.length).toBeLessThanOrEqual(200 + RetryBudget.reserve + 20);
  });
});

test('the delay lies anywhere between 0 and a limit that doubles up to five seconds', () => {
  expect([1, 2, 3, 6, 7, 40].map((attempt) => jitteredDelay(attempt, () => 1))).toEqual([
    100, 200, 400, 3200, 5000, 5000,
  ]);
  expect(jitteredDelay(9, () => 0)).toBe(0);
});

describe('a deadline', () => {
  test('ends what does not listen, and leaves no timer', async () => {
    const operation = () => new Promise<never>(() => {});
    const settled = withDeadline(1000, undefined, 'It', operation).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await settled).toMatchObject({ code: 'TIMEOUT', retryable: true });
    expect(await withDeadline(1000, undefined, 'It', () => Promise.resolve(3))).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that is longer than a timer can be is no short one', async () => {
    const anHour = () => new Promise((resolve) => setTimeout(resolve, 3_600_000, 'done'));
    const settled = withDeadline(Number.POSITIVE_INFINITY, undefined, 'It', anHour);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(await settled).toBe('done');
  });

  test('is ended by the caller’s signal, before and during', async () => {
    const never = vi.fn(() => new Promise<never>(() => {}));
    await expect(withDeadline(1000, AbortSignal.abort(), 'It', never)).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(never).not.toHaveBeenCalled();
    const controller = new AbortController();
    const settled = withDeadline(1000, controller.signal, 'It', never);
    controller.abort('enough');
    await expect(settled).rejects.toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    expect(vi.getTimerCount()).toBe(0);
  });
});
