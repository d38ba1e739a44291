import { EarmarkError } from '../errors.ts';

/** Everything that can go wrong with a source of sound, as a closed set. */
export type AudioErrorCode =
  /** The bytes are not audio that can be read. */
  | 'FORMAT'
  /** A readable container without any sample in it. */
  | 'EMPTY'
  /** A valid file whose encoding needs ffmpeg, which is not installed. */
  | 'FFMPEG_MISSING'
  | 'DECODE_FAILED'
  | 'NOT_FOUND'
  | 'NO_RECORDER'
  | 'NO_DEVICE'
  | 'DEVICE_BUSY'
  /** The recorder ended or went silent while it should have been recording. */
  | 'RECORDER_DIED'
  | 'STREAM'
  /** A push source was faster than its consumer and the policy was to fail. */
  | 'OVERFLOW'
  | 'LIMIT'
  | 'INVALID_ARGUMENT'
  | 'TIMEOUT'
  | 'CANCELLED';

const retryableCodes: ReadonlySet<AudioErrorCode> = new Set([
  'NO_DEVICE',
  'DEVICE_BUSY',
  'RECORDER_DIED',
  'STREAM',
  'TIMEOUT',
]);

/** What went wrong with a source of sound; the message says what to do. */
export class AudioError extends EarmarkError<AudioErrorCode> {
  constructor(code: AudioErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(code, message, { retryable: retryableCodes.has(code), cause: options.cause });
  }
}

/** @throws AudioError `INVALID_ARGUMENT`, also for NaN. */
export function refuseOutside(name: string, value: number, low: number, high: number): void {
  if (value >= low && value <= high) return;
  throw new AudioError('INVALID_ARGUMENT', `${name} is ${value}; it must be ${low} to ${high}.`);
}
