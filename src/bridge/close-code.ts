import { BridgeError, type BridgeErrorCode } from './bridge-error.ts';

/** By WebSocket close code; see docs/protocol.md. */
const codeOfClose: Record<number, BridgeErrorCode> = {
  1000: 'UNREACHABLE',
  1001: 'UNREACHABLE',
  1005: 'UNREACHABLE',
  1006: 'UNREACHABLE',
  1009: 'TOO_LARGE',
  1011: 'UNREACHABLE',
  1012: 'DRAINING',
  4400: 'BAD_REQUEST',
  4408: 'TIMEOUT',
  4409: 'SEQUENCE',
  4413: 'CREDIT',
  4426: 'VERSION',
  4429: 'OVERLOADED',
  4500: 'INTERNAL',
};

/** Why a connection ended, where the server did not say it in an `error` message before. */
export function errorOfClose(code: number, reason: string, url: URL): BridgeError {
  const said = reason === '' ? '' : `: ${reason}`;
  return new BridgeError(
    codeOfClose[code] ?? 'BAD_RESPONSE',
    `The connection to ${url.origin} ended with code ${code}${said}.`,
  );
}
