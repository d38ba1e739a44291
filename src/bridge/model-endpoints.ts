import { type BridgeConfig, httpUrl, urlBelow } from './bridge-config.ts';
import { inferUrl } from './open-inference.ts';

/** Which server a model lives on: the configured one, or its own by `modelEndpoints`. */
export class ModelEndpoints {
  readonly #config: Pick<BridgeConfig, 'baseUrl' | 'modelEndpoints'>;

  constructor(config: Pick<BridgeConfig, 'baseUrl' | 'modelEndpoints'>) {
    this.#config = config;
  }

  /** What `modelEndpoints` says of the model; `''` where it lives on the configured server. */
  serverOf(model: string | undefined): string {
    const { modelEndpoints } = this.#config;
    return model !== undefined && Object.hasOwn(modelEndpoints, model) ? modelEndpoints[model]! : '';
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
