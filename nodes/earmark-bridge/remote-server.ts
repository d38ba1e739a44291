import type { BridgeConfig } from '../../src/bridge/index.ts';
import type { BridgeServer } from './bridge-connection.ts';

/** A server that somebody else runs: there is nothing to start, and nothing to give up. */
export class RemoteServer implements BridgeServer {
  readonly failure = undefined;
  readonly #config: Partial<BridgeConfig>;

  constructor(config: { baseUrl: string; token?: string }) {
    this.#config = config;
  }

  async start(onStep: (step: 'starting') => void): Promise<Partial<BridgeConfig>> {
    onStep('starting');
    return this.#config;
  }

  async stop(): Promise<void> {}
}
