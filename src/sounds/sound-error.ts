import { EarmarkError } from '../errors.ts';

export type SoundErrorCode =
  /** What was asked makes no sense; the message says what would. */
  | 'INVALID'
  /** The map was rearranged since its row numbers were handed out: ask for the map again. */
  | 'STALE_MAP'
  /** The map or the suggestions are not ready yet: ask again in a moment. */
  | 'NOT_READY'
  /** Nothing is left to undo. */
  | 'NOTHING_TO_UNDO'
  /** The memory is no longer served. */
  | 'CLOSED';

export class SoundError extends EarmarkError<SoundErrorCode> {
  constructor(code: SoundErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(code, message, { retryable: code === 'NOT_READY' || code === 'STALE_MAP', cause: options.cause });
  }
}
