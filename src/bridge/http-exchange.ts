import { BridgeError, type BridgeErrorCode } from './bridge-error.ts';
import { parseWireError } from './control-messages.ts';
import { parsePlainJson } from './plain-json.ts';

export interface HttpRequest {
  method: 'GET' | 'POST';
  url: URL;
  headers?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | string;
  token?: string | undefined;
  /** A longer answer is refused before it fills the memory. */
  maxResponseBytes: number;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  headers: Headers;
  body: Buffer;
}

/**
 * One HTTP exchange, answers of any status included.
 * @throws BridgeError `UNREACHABLE`, `BAD_RESPONSE`, or the signal's reason.
 */
export async function exchange(request: HttpRequest): Promise<HttpAnswer> {
  const { method, url, signal, token } = request;
  const headers = new Headers(request.headers);
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      signal,
      // A redirect could carry the token elsewhere.
      redirect: 'manual',
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: await readBody(response, request.maxResponseBytes),
    };
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof BridgeError) throw cause;
    throw unreachable(url, cause);
  }
}

/** An exchange whose answer must be a success. @throws BridgeError as the server's error says. */
export async function exchangeOk(request: HttpRequest): Promise<HttpAnswer> {
  const answer = await exchange(request);
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw errorOfAnswer(answer, request.url);
}

/** @throws BridgeError `BAD_RESPONSE` where the body is not a JSON object. */
export function jsonObject(answer: HttpAnswer, url: URL): Record<string, unknown> {
  try {
    const value = parsePlainJson(answer.body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Told below: why it is not JSON helps nobody.
  }
  throw new BridgeError(
    'BAD_RESPONSE',
    `${place(url)} answered something that is not a JSON object. Is it an Earmark server?`,
  );
}

/** Nothing answers at `url`, or the connection broke. A certificate that is not trusted will not become so by itself. */
export function unreachable(url: URL, cause: unknown): BridgeError {
  const { message, code } = innermost(cause);
  if (/CERT|ALTNAME|LEAF_SIGNATURE/.test(code)) {
    return new BridgeError(
      'UNAUTHENTICATED',
      `The certificate of ${url.origin} is not trusted (${message}). Name its authority in NODE_EXTRA_CA_CERTS.`,
      { cause },
    );
  }
  return new BridgeError(
    'UNREACHABLE',
    `The server at ${url.origin} cannot be reached (${message}). Check that it runs and that the address is right.`,
    { cause },
  );
}

/** What a status means when the body does not say it better. `said`: what the server wrote. */
export function errorOfStatus(
  status: number,
  url: URL,
  details: { retryAfterMs?: number | undefined; said?: string } = {},
): BridgeError {
  const code = status === 404 && url.pathname.includes('/v2/') ? 'MODEL_NOT_FOUND' : codeOfStatus(status);
  const { retryAfterMs, said } = details;
  const message = `${place(url)} answered with HTTP ${status}${said ? ` (${said})` : ''}. ${adviceOnStatus[code] ?? ''}`;
  return new BridgeError(code, message.trim(), retryAfterMs === undefined ? {} : { retryAfterMs });
}

const adviceOnStatus: Partial<Record<BridgeErrorCode, string>> = {
  UNAUTHENTICATED: 'The token is missing or wrong: set the token that the server was started with.',
  FORBIDDEN_ORIGIN: 'The server does not allow this host or origin.',
  BAD_RESPONSE: 'Is it an Earmark server?',
  VERSION: 'Client and server do not speak the same protocol version: update the older of the two.',
};

function codeOfStatus(status: number): BridgeErrorCode {
  switch (status) {
    case 400:
    case 422:
      return 'BAD_REQUEST';
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'FORBIDDEN_ORIGIN';
    case 408:
    case 504:
      return 'TIMEOUT';
    case 413:
      return 'TOO_LARGE';
    case 425:
    case 429:
      return 'OVERLOADED';
    case 426:
      return 'VERSION';
    case 502:
      return 'UNREACHABLE';
    case 503:
      return 'DRAINING';
    case 500:
      return 'INTERNAL';
    default:
      return 'BAD_RESPONSE';
  }
}

function errorOfAnswer(answer: HttpAnswer, url: URL): BridgeError {
  const retryAfterMs = retryAfter(answer.headers.get('retry-after'));
  let said: unknown;
  try {
    said = jsonObject(answer, url).error;
    const error = parseWireError(said);
    if (retryAfterMs === undefined || error.retryAfterMs !== undefined) return error;
    return new BridgeError(error.code, error.message, { retryAfterMs });
  } catch {
    // Triton and KServe answer `error` as a text; a proxy in between answers anything.
    const text = typeof said === 'string' ? { said: said.slice(0, 500) } : {};
    return errorOfStatus(answer.status, url, { retryAfterMs, ...text });
  }
}

/** Retry-After is a number of seconds or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}

async function readBody(response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new BridgeError(
        'BAD_RESPONSE',
        `${place(new URL(response.url))} answered more than ${maxBytes} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** A URL without its query, for messages. */
function place(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** fetch hides what happened in a chain of causes. */
function innermost(error: unknown): { message: string; code: string } {
  let inner = error;
  while (inner instanceof Error && inner.cause !== undefined) inner = inner.cause;
  // Node joins refused IPv4 and IPv6 attempts in an AggregateError without a message.
  if (inner instanceof AggregateError) inner = inner.errors[0];
  if (!(inner instanceof Error)) return { message: String(inner), code: '' };
  return { message: inner.message || inner.name, code: String((inner as NodeJS.ErrnoException).code ?? '') };
}
