import type { BridgeError } from './bridge-error.ts';
import type { EncoderModel } from './encoder-model.ts';

/**
 * Where the streaming connection stands.
 *
 * `idle` → `connecting` → `handshaking` → `ready` → (`draining` →) `closed`, and from `closed` either to
 * `connecting` again, where `retryInMs` says so, or to `idle` when no stream is left.
 */
export type BridgeState =
  /** No stream needs a connection. */
  | { value: 'idle' }
  /** `attempt` counts from 1 since the last time that the server answered a window. */
  | { value: 'connecting'; attempt: number }
  | { value: 'handshaking'; attempt: number }
  | { value: 'ready'; server: string; models: EncoderModel[] }
  /** The server is ending: what it has is answered, the rest waits for the next connection. */
  | { value: 'draining'; server: string }
  /**
   * The connection is gone. With `retryInMs` the next attempt follows by itself; without it nothing more
   * happens until a new stream begins, or ever again after `PythonBridgeService.close()`.
   */
  | { value: 'closed'; error?: BridgeError; retryInMs?: number };
