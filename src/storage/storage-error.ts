import { EarmarkError } from '../errors.ts';

/** Everything that can go wrong in a memory, as a closed set. */
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
  /** Too many calls are waiting for the disk already. */
  | 'BUSY'
  | 'CANCELLED'
  | 'INTERNAL';

const retryableCodes: ReadonlySet<StorageErrorCode> = new Set(['LOCKED', 'DISK_FULL', 'IO', 'BUSY']);

/** What went wrong in the memory; the message says what to do. */
export class StorageError extends EarmarkError<StorageErrorCode> {
  constructor(code: StorageErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(code, message, { retryable: retryableCodes.has(code), cause: options.cause });
  }
}

/** What the operating system or LMDB threw, in the memory's own words. */
export function toStorageError(error: unknown, doing: string): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof TypeError || error instanceof RangeError) {
    return new StorageError(
      'INTERNAL',
      `${doing} failed by a mistake in Earmark: ${message}. Please report it.`,
      {
        cause: error,
      },
    );
  }
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === 'ENOSPC' || code === 28 || /no space left|MDB_MAP_FULL|disk quota/i.test(message)) {
    return new StorageError(
      'DISK_FULL',
      `The disk is full: ${doing} failed. Free some space, then try again.`,
      {
        cause: error,
      },
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 13 || code === 30) {
    return new StorageError(
      'PATH',
      `No permission: ${doing} failed. Check who owns the folder and its mode.`,
      {
        cause: error,
      },
    );
  }
  if (
    /MDB_(CORRUPTED|INVALID|PAGE_NOTFOUND|VERSION_MISMATCH|PANIC|BAD_TXN)|corrupt|invalid file|page not found/i.test(
      message,
    )
  ) {
    return new StorageError(
      'CORRUPT',
      `What lies on disk cannot be read: ${doing} failed (${message}). Restore the memory from a backup.`,
      { cause: error },
    );
  }
  return new StorageError('IO', `${doing} failed: ${message}. Check the disk, then try again.`, {
    cause: error,
  });
}
