/**
 * The one error shape of Earmark. Each area (audio, bridge, storage) closes its own set of codes by
 * extending this class with its union, so that `switch (error.code)` is checked by the compiler.
 *
 * Messages are written for the person who reads them in a Node-RED debug panel: what happened, then
 * what to do about it.
 */
export abstract class EarmarkError<Code extends string = string> extends Error {
  readonly code: Code;
  /** Whether the same call may succeed later without anything being changed by the user. */
  readonly retryable: boolean;

  constructor(code: Code, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
