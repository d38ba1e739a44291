import { EarmarkError } from '../errors.ts';

export type StorageErrorCode =
  /** An argument is out of range, not finite or of the wrong type. */
  | 'INVALID_ARGUMENT'
  /** The vector's length is not the memory's `dimensions`. */
  | 'DIMENSIONS'
  /** The memory was filled by another encoder, or with another metric. */
  | 'ENCODER_MISMATCH'
  | 'NOT_FOUND'
  | 'NOT_INITIALIZED'
  | 'CLOSED'
  /** Another process writes to this memory. */
  | 'LOCKED'
  /** This process opened the memory for reading only. */
  | 'READ_ONLY'
  /** The path is outside the allowed root or cannot be used. */
  | 'PATH'
  | 'DISK_FULL'
  /** What lies on disk cannot be read. */
  | 'CORRUPT'
  | 'IO'
  | 'CANCELLED'
  | 'INTERNAL';

const retryableCodes: ReadonlySet<StorageErrorCode> = new Set(['LOCKED', 'DISK_FULL', 'IO']);

export class StorageError extends EarmarkError<StorageErrorCode> {
  constructor(code: StorageErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(code, message, { retryable: retryableCodes.has(code), cause: options.cause });
  }
}
