import pRetry from 'p-retry';
import type { BridgeErrorCode } from './bridge-error.ts';
import { BridgeError } from './bridge-error.ts';
import { sleep } from './sleep.ts';

const firstDelayMs = 100;
const longestDelayMs = 5000;

/**
 * Full jitter: anything between 0 and a limit that doubles. Clients that were cut off together do not come back
 * together. `attempt` counts from 1.
 */
export function jitteredDelay(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1));
}

/**
 * Keeps retries to a tenth of the calls, beyond a reserve for short faults: many callers that all retry are what keeps an
 * overloaded server down.
 */
export class RetryBudget {
  static readonly reserve = 10;
  static readonly perCall = 0.1;
  #tokens = RetryBudget.reserve;

  /** A call was made. */
  earn(): void {
    this.#tokens = Math.min(RetryBudget.reserve, this.#tokens + RetryBudget.perCall);
  }

  /** Whether one more retry may be made; if so it is counted. */
  spend(): boolean {
    // Tenths do not add up exactly in binary.
    if (this.#tokens < 1 - 1e-9) return false;
    this.#tokens -= 1;
    return true;
  }
}

export interface RetryOptions {
  /** 0: one attempt. */
  maxRetries: number;
  budget: RetryBudget;
  /** `performance.now()` value after which no new attempt begins. */
  deadline: number;
  signal: AbortSignal;
  /** Told before each further attempt. */
  onRetry?: (code: BridgeErrorCode) => void;
}

/**
 * Calls `attempt` until it succeeds, fails with what cannot succeed later, or runs out of retries, budget or time.
 * An open circuit is not waited for. The server's `Retry-After` is honoured.
 */
export function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  options.budget.earn();
  return pRetry(attempt, {
    retries: options.maxRetries,
    // The waiting is done below, with full jitter, which p-retry does not have.
    minTimeout: 0,
    signal: options.signal,
    shouldRetry: async ({ error, attemptNumber }) => {
      if (!(error instanceof BridgeError) || !error.retryable) return false;
      const delay = Math.max(jitteredDelay(attemptNumber), error.retryAfterMs ?? 0);
      if (performance.now() + delay >= options.deadline) return false;
      if (!options.budget.spend()) return false;
      await sleep(delay, options.signal);
      options.onRetry?.(error.code);
      return true;
    },
  });
}
