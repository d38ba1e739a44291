import { type BridgeConfig, httpUrl, type ModelEndpoint, urlBelow } from './bridge-config.ts';
import { inferUrl } from './open-inference.ts';

/** Which server a model lives on: the configured one, or its own by `modelEndpoints`. */
export class ModelEndpoints {
  readonly #config: Pick<BridgeConfig, 'baseUrl' | 'token'>;
  readonly #endpoints: Map<string, ModelEndpoint>;

  constructor(config: Pick<BridgeConfig, 'baseUrl' | 'modelEndpoints' | 'token'>) {
    this.#config = config;
    this.#endpoints = new Map(
      Object.entries(config.modelEndpoints).map(([model, endpoint]) => [
        model,
        typeof endpoint === 'string' ? { url: endpoint } : endpoint,
      ]),
    );
  }

  /** The URL that `modelEndpoints` has for the model; `''` where it lives on the configured server. */
  serverOf(model: string | undefined): string {
    return (model !== undefined && this.#endpoints.get(model)?.url) || '';
  }

  /** What the server is shown: its own token, or the bridge's where it is the same origin, so that no other learns it. */
  token(server: string): string | undefined {
    const { baseUrl, token } = this.#config;
    if (server === '') return token;
    const own = [...this.#endpoints.values()].find((endpoint) => endpoint.url === server && endpoint.token);
    if (own !== undefined) return own.token;
    const isSame = typeof baseUrl === 'string' && this.base('').origin === this.base(server).origin;
    return isSame ? token : undefined;
  }

  /** The server's address, asked anew for each call: a managed server may move. @throws BridgeError `BAD_REQUEST` */
  base(server: string): URL {
    if (server !== '') return httpUrl(server, 'modelEndpoints');
    const { baseUrl } = this.#config;
    return httpUrl(typeof baseUrl === 'function' ? baseUrl() : baseUrl, 'baseUrl');
  }

  /** Where the server takes streams. @throws BridgeError `BAD_REQUEST` */
  streams(server: string): URL {
    const url = urlBelow(this.base(server), '/v1/stream');
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return url;
  }

  /** Where the model takes tensors, if its own endpoint speaks the Open Inference Protocol. @throws BridgeError `BAD_REQUEST` */
  openInference(model: string | undefined): URL | undefined {
    const server = this.serverOf(model);
    if (server === '' || model === undefined) return undefined;
    const url = httpUrl(server, `modelEndpoints.${model}`);
    return /\/v2(\/|$)/.test(url.pathname) ? inferUrl(url, model) : undefined;
  }
}
