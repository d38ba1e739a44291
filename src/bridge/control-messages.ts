import { BridgeError, type BridgeErrorCode } from './bridge-error.ts';
import { type EncoderModel, parseEncoderModel } from './encoder-model.ts';
import type { PcmEncoding } from './frames.ts';
import { parsePlainJson } from './plain-json.ts';

/** The WebSocket subprotocol; its one version is 1. */
export const subprotocol = 'earmark.v1';
const protocolVersion = 1;

/** What the server allows on a connection. */
export interface ConnectionLimits {
  maxMessageBytes: number;
  maxStreams: number;
  maxCreditBytes: number;
  maxConnections: number;
}

export type ClientMessage =
  | { type: 'hello'; versions: number[]; client: string }
  | {
      type: 'open';
      stream: number;
      model: string;
      sampleRate: number;
      encoding: PcmEncoding;
      firstSeq: number;
      credit: number;
    }
  | { type: 'credit'; stream: number; bytes: number }
  | { type: 'finalize' | 'close' | 'cancel'; stream: number }
  | { type: 'ping'; id: number };

export interface ReadyMessage {
  type: 'ready';
  version: 1;
  server: string;
  /** Those of which the server knows anything. */
  models: EncoderModel[];
  /** The model for who names none. Absent from an older server, whose first model it is. */
  default?: string;
  limits: ConnectionLimits;
  heartbeatMs: number;
}

export type ServerMessage =
  | ReadyMessage
  | { type: 'opened'; stream: number; model: EncoderModel; credit: number }
  | { type: 'credit'; stream: number; bytes: number }
  | { type: 'finalized' | 'closed'; stream: number; nextSeq: number }
  | { type: 'pong'; id: number; queued: number; busy: number }
  | { type: 'draining'; afterMs: number }
  | { type: 'error'; error: BridgeError; stream?: number; seq?: number };

/** The codes that a server may send; the others arise on this side only. */
const wireCodes: ReadonlySet<string> = new Set<BridgeErrorCode>([
  'BAD_REQUEST',
  'BAD_FRAME',
  'UNAUTHENTICATED',
  'FORBIDDEN_ORIGIN',
  'MODEL_NOT_FOUND',
  'MODEL_FAILED',
  'SAMPLE_RATE',
  'TOO_LARGE',
  'TOO_SHORT',
  'SEQUENCE',
  'CREDIT',
  'TIMEOUT',
  'VERSION',
  'OVERLOADED',
  'DRAINING',
  'INTERNAL',
]);

/**
 * Reads a control message of the server. Unknown fields are ignored, everything else is checked.
 * @throws BridgeError `BAD_RESPONSE` saying what is wrong with it.
 */
export function parseServerMessage(text: string): ServerMessage {
  let message: Fields;
  try {
    message = fields(parsePlainJson(text), 'it');
  } catch (cause) {
    if (cause instanceof BridgeError) throw cause;
    throw badMessage('it is not JSON', cause);
  }
  switch (message.type) {
    case 'ready':
      return parseReady(message);
    case 'opened':
      return {
        type: 'opened',
        stream: u32(message, 'stream'),
        model: parseEncoderModel(message.model),
        credit: whole(message, 'credit', 1),
      };
    case 'credit':
      return { type: 'credit', stream: u32(message, 'stream'), bytes: whole(message, 'bytes', 1) };
    case 'finalized':
    case 'closed':
      return { type: message.type, stream: u32(message, 'stream'), nextSeq: u32(message, 'nextSeq') };
    case 'pong':
      return {
        type: 'pong',
        id: whole(message, 'id', 0),
        queued: whole(message, 'queued', 0),
        busy: number(message, 'busy'),
      };
    case 'draining':
      return { type: 'draining', afterMs: number(message, 'afterMs') };
    case 'error':
      return parseErrorMessage(message);
    default:
      throw badMessage(`its type ${JSON.stringify(message.type)?.slice(0, 40)} is unknown`);
  }
}

/**
 * An error of the server's, as it travels by WebSocket and HTTP.
 * @throws BridgeError `BAD_RESPONSE` where it is not one.
 */
export function parseWireError(value: unknown): BridgeError {
  const { code, message, retryAfterMs } = fields(value, 'error');
  if (typeof code !== 'string' || !wireCodes.has(code)) {
    throw badMessage(`its error code ${JSON.stringify(code)?.slice(0, 40)} is unknown`);
  }
  if (typeof message !== 'string') throw badMessage('its error has no message');
  const after = typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {};
  return new BridgeError(code as BridgeErrorCode, message.slice(0, 2000), after);
}

function parseReady(message: Fields): ReadyMessage {
  const { version, server, models, default: byDefault } = message;
  if (version !== protocolVersion) {
    throw badMessage(`it speaks version ${JSON.stringify(version)}, this client version ${protocolVersion}`);
  }
  if (typeof server !== 'string') throw badMessage('server must be a text');
  if (!Array.isArray(models)) throw badMessage('models must be a list');
  if (byDefault !== undefined && typeof byDefault !== 'string') throw badMessage('default must be a text');
  const limits = fields(message.limits, 'limits');
  return {
    type: 'ready',
    version: protocolVersion,
    server,
    models: models.map(parseEncoderModel),
    ...(byDefault === undefined ? {} : { default: byDefault }),
    limits: {
      maxMessageBytes: whole(limits, 'maxMessageBytes', 1),
      maxStreams: u32(limits, 'maxStreams'),
      maxCreditBytes: whole(limits, 'maxCreditBytes', 1),
      maxConnections: u32(limits, 'maxConnections'),
    },
    heartbeatMs: heartbeat(message),
  };
}

function parseErrorMessage(message: Fields): ServerMessage {
  const error = parseWireError(message);
  if (typeof message.retryable !== 'boolean') throw badMessage('retryable must be true or false');
  if (message.seq !== undefined && message.stream === undefined) throw badMessage('seq needs a stream');
  return {
    type: 'error',
    error,
    ...(message.stream === undefined ? {} : { stream: u32(message, 'stream') }),
    ...(message.seq === undefined ? {} : { seq: u32(message, 'seq') }),
  };
}

type Fields = Record<string, unknown>;

function fields(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badMessage(`${name} must be an object`);
  }
  return value as Fields;
}

function u32(message: Fields, name: string): number {
  const value = message[name];
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0xffff_ffff) {
    throw badMessage(`${name} must be a whole number of 0 to 4294967295`);
  }
  return value as number;
}

function whole(message: Fields, name: string, least: number): number {
  const value = message[name];
  if (!Number.isSafeInteger(value) || (value as number) < least) {
    throw badMessage(`${name} must be a whole number >= ${least}`);
  }
  return value as number;
}

function number(message: Fields, name: string): number {
  const value = message[name];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw badMessage(`${name} must be a number >= 0`);
  }
  return value;
}

/** A heartbeat outside these bounds would either flood the server or never find it dead. */
function heartbeat(message: Fields): number {
  const value = number(message, 'heartbeatMs');
  if (value < 50 || value > 600_000) throw badMessage('heartbeatMs must be 50 to 600000');
  return value;
}

function badMessage(problem: string, cause?: unknown): BridgeError {
  return new BridgeError(
    'BAD_RESPONSE',
    `The server sent a message that is not in the protocol: ${problem}. Is this an Earmark server of the same version?`,
    { cause },
  );
}
