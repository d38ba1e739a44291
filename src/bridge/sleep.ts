/** What setTimeout can take; anything longer it would take for one millisecond. */
export const longestTimerMs = 2 ** 31 - 1;

/**
 * Resolves after `milliseconds`; rejects with the signal's reason as soon as it is aborted. Leaves no timer.
 * Node's own `timers/promises` rejects with an AbortError in place of the reason, which here says why a call ended.
 */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const wake = () => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    };
    const timer = setTimeout(wake, Math.min(longestTimerMs, milliseconds));
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', aborted, { once: true });
  });
}
