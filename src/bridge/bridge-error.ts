import { EarmarkError } from '../errors.ts';

/**
 * Everything that can go wrong between here and the model, as a closed set.
 * The same words travel on the wire (docs/protocol.md) and label the metrics.
 */
export type BridgeErrorCode =
  /** A message that breaks the protocol or an argument out of range. */
  | 'BAD_REQUEST'
  /** A binary frame that cannot be read. */
  | 'BAD_FRAME'
  /** The token is missing or wrong, or the server's certificate is not trusted. */
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN_ORIGIN'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_FAILED'
  /** The audio's sample rate is not the model's. */
  | 'SAMPLE_RATE'
  | 'TOO_LARGE'
  | 'TOO_SHORT'
  /** A window's sequence number is not the next one. */
  | 'SEQUENCE'
  /** More was sent than was granted. */
  | 'CREDIT'
  | 'OVERLOADED'
  | 'DRAINING'
  | 'TIMEOUT'
  | 'VERSION'
  /** The server cannot be reached or the connection broke. */
  | 'UNREACHABLE'
  /** The server answered something that is not in the protocol. */
  | 'BAD_RESPONSE'
  /** Calls are held back because the server kept failing. */
  | 'CIRCUIT_OPEN'
  | 'CANCELLED'
  | 'CLOSED'
  /** The managed server process could not be started or kept running. */
  | 'BRIDGE_PROCESS'
  | 'INTERNAL';

const retryableCodes: ReadonlySet<BridgeErrorCode> = new Set([
  'OVERLOADED',
  'DRAINING',
  'TIMEOUT',
  'UNREACHABLE',
  'INTERNAL',
]);

/** What went wrong on the way to the model; the message says what to do. */
export class BridgeError extends EarmarkError<BridgeErrorCode> {
  /** Milliseconds the server asked to wait before the next try. */
  readonly retryAfterMs?: number;

  constructor(
    code: BridgeErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(code, message, { retryable: retryableCodes.has(code), cause: options.cause });
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}
