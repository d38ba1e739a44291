import { BridgeError } from './bridge-error.ts';
import { longestTimerMs } from './sleep.ts';

/** How a call may be ended from outside. */
export interface Cancellable {
  /** Ends the call with the error `CANCELLED`. */
  signal?: AbortSignal;
}

/**
 * Runs `operation` with a signal that is aborted by the caller's signal or after `milliseconds`, and rejects then even
 * if the operation does not listen.
 * @throws BridgeError `CANCELLED` or `TIMEOUT`, or what the operation throws.
 */
export async function withDeadline<T>(
  milliseconds: number,
  signal: AbortSignal | undefined,
  what: string,
  operation: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const cancel = () => {
    const reason = signal?.reason;
    controller.abort(reason instanceof BridgeError ? reason : cancelled(what, reason));
  };
  const timer = setTimeout(
    () => {
      controller.abort(new BridgeError('TIMEOUT', `${what} did not finish within ${milliseconds} ms.`));
    },
    Math.min(longestTimerMs, milliseconds),
  );
  const aborted = new Promise<never>((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
  });
  aborted.catch(() => {}); // Nobody waits for it when the operation has settled before.
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted) cancel();
  try {
    controller.signal.throwIfAborted();
    return await Promise.race([operation(controller.signal), aborted]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  }
}

export function cancelled(what: string, reason: unknown): BridgeError {
  return new BridgeError('CANCELLED', `${what} was cancelled.`, { cause: reason });
}
