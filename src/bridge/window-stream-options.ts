import { BridgeError } from './bridge-error.ts';
import type { PcmEncoding } from './frames.ts';

export interface WindowStreamOptions {
  /**
   * The model's name. Have it loaded before (`loadModel`) where that takes longer than the bridge's `timeout`.
   * @default the server's own default
   */
  model?: string;
  /** Ends the stream with the error `CANCELLED`; what the server still has of it is dropped. */
  signal?: AbortSignal;
  /**
   * Windows that may be held here without an answer, 1 to 4096. They are what is sent again after a reconnection,
   * and what bounds the memory.
   * @default 32
   */
  maxUnanswered?: number;
  /**
   * What happens when that many are unanswered. `wait`: the source is not asked for more, so nothing is ever lost;
   * right for files and whatever can wait. `dropOldest`: the oldest unsent window is dropped and the next one marked
   * with `gap`; right for microphones, which cannot wait.
   * @default 'wait'
   */
  overflow?: 'wait' | 'dropOldest';
  /**
   * How samples travel. `s16le` halves bytes and memory and is exact for 16-bit sources; `f32le` keeps what lies
   * beyond.
   * @default 's16le'
   */
  encoding?: PcmEncoding;
  /**
   * Milliseconds that the stream lives on without any answer of the server, reconnecting meanwhile, before it ends
   * with the last connection error. `Infinity`: forever.
   * @default 60000
   */
  giveUpAfter?: number;
}

export type ResolvedStreamOptions = WindowStreamOptions &
  Required<Omit<WindowStreamOptions, 'model' | 'signal'>>;

/** `options` with defaults, checked. @throws BridgeError `BAD_REQUEST` */
export function resolveStreamOptions(options: WindowStreamOptions): ResolvedStreamOptions {
  const { maxUnanswered = 32, overflow = 'wait', encoding = 's16le', giveUpAfter = 60_000 } = options;
  if (!Number.isInteger(maxUnanswered) || maxUnanswered < 1 || maxUnanswered > 4096) {
    throw invalid('maxUnanswered', 'a whole number of 1 to 4096', maxUnanswered);
  }
  if (overflow !== 'wait' && overflow !== 'dropOldest')
    throw invalid('overflow', 'wait or dropOldest', overflow);
  if (encoding !== 's16le' && encoding !== 'f32le') throw invalid('encoding', 's16le or f32le', encoding);
  if (!(giveUpAfter >= 0)) throw invalid('giveUpAfter', 'milliseconds >= 0', giveUpAfter);
  return { ...options, maxUnanswered, overflow, encoding, giveUpAfter };
}

function invalid(option: string, expected: string, value: unknown): BridgeError {
  return new BridgeError('BAD_REQUEST', `A stream's ${option} must be ${expected}, not ${value}.`);
}
