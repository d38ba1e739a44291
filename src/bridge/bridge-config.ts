import { BridgeError } from './bridge-error.ts';

/** A server beside the configured one. */
export interface ModelEndpoint {
  url: string;
  /** Its bearer token. Without one only a server at `baseUrl`'s own origin is sent the bridge's. */
  token?: string;
}

/** How to reach the server. All fields have defaults. */
export interface BridgeConfig {
  /**
   * `http://` or `https://` address of the server, without credentials; streams use `ws://` or `wss://` at the
   * same place, and these may be written too. A function is asked before every call, for a managed server whose port may change.
   * @default 'http://127.0.0.1:8000'
   */
  baseUrl: string | (() => string);
  /**
   * Milliseconds that one call may take, retries included, but 280,000 at most, and that a stream waits for the answer to a
   * window that was sent. 1 to 3,600,000.
   * @default 30000
   */
  timeout: number;
  /**
   * How often a failed call is tried again, 0 to 100. Calls that cannot succeed are not tried again, nor are any
   * while the circuit is open.
   * @default 3
   */
  maxRetries: number;
  /**
   * Path that answers 200 when the server can be used.
   * @default '/readyz'
   */
  healthEndpoint: string;
  /**
   * Where a model lives when not on `baseUrl`. A URL whose path holds `/v2` is spoken to by the Open Inference
   * Protocol (Triton, KServe): `http://triton:8000/v2`, or the model's own `http://triton:8000/v2/models/m`.
   * Any other URL is the base URL of another Earmark server. Where it wants a token, `{ url, token }`.
   * @default {}
   */
  modelEndpoints: Record<string, string | ModelEndpoint>;
  /** The server's bearer token. Sent in a header, never in a URL; kept out of errors and logs. */
  token?: string;
}

/** `config` with defaults, checked. @throws BridgeError `BAD_REQUEST` naming the field that is wrong. */
export function resolveBridgeConfig(config: Partial<BridgeConfig> = {}): BridgeConfig {
  const { baseUrl = 'http://127.0.0.1:8000', timeout = 30_000, maxRetries = 3 } = config;
  const { healthEndpoint = '/readyz', modelEndpoints = {}, token } = config;
  if (typeof baseUrl === 'string') httpUrl(baseUrl, 'baseUrl');
  if (!Number.isFinite(timeout) || timeout < 1 || timeout > 3_600_000) {
    throw invalid('timeout', 'a number of milliseconds, 1 to 3600000');
  }
  if (!Number.isInteger(maxRetries) || maxRetries < 0 || maxRetries > 100) {
    throw invalid('maxRetries', 'a whole number, 0 to 100');
  }
  if (!healthEndpoint.startsWith('/')) throw invalid('healthEndpoint', 'a path that begins with /');
  for (const [model, given] of Object.entries(modelEndpoints)) {
    const endpoint = typeof given === 'string' ? { url: given } : given;
    httpUrl(endpoint.url, `modelEndpoints.${model}`);
    checkToken(endpoint.token, `modelEndpoints.${model}.token`);
  }
  checkToken(token, 'token');
  const resolved = { baseUrl, timeout, maxRetries, healthEndpoint, modelEndpoints: { ...modelEndpoints } };
  return token === undefined ? resolved : { ...resolved, token };
}

/** A line break would let a token add headers of its own. */
function checkToken(token: string | undefined, field: string): void {
  if (token !== undefined && !/^[\x21-\x7e]{1,4096}$/.test(token)) {
    throw invalid(field, 'printable ASCII without spaces');
  }
}

/** @throws BridgeError `BAD_REQUEST` where `text` is not a plain http(s) URL. */
export function httpUrl(text: string, field: string): URL {
  const url = URL.parse(text.replace(/^ws(s?):/i, 'http$1:'));
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid(field, 'a URL that begins with http://, https://, ws:// or wss://');
  }
  if (url.username || url.password) throw invalid(field, 'a URL without credentials: use `token`');
  return url;
}

/** `path` below `base`, whose own path is kept: a server may live behind a prefix. */
export function urlBelow(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/+$/, '')}${path}`;
  url.hash = '';
  return url;
}

function invalid(field: string, expected: string): BridgeError {
  return new BridgeError('BAD_REQUEST', `The bridge's ${field} must be ${expected}.`);
}
