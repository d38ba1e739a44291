import { existsSync } from 'node:fs';
import path from 'node:path';
import { type BridgeConfig, BridgeProcess, ensurePythonEnvironment } from '../../src/bridge/index.ts';
import type { EarmarkError } from '../../src/errors.ts';
import type { HealthMonitor } from '../../src/health/health-monitor.ts';
import { packageFolder } from '../package-folder.ts';
import type { BridgeServer } from './bridge-connection.ts';

export interface ManagedServerOptions {
  /** Node-RED's user directory; an environment that has to be made goes there. */
  userDir: string;
  /** A Python that has the server's requirements already; empty to look for one. */
  python: string;
  log: (line: string) => void;
  health: HealthMonitor;
}

const serverFolder = path.join(packageFolder, 'python-bridge');

/** The Python server as this Node-RED's own: set up where it has to be, started, watched, ended. */
export class ManagedServer implements BridgeServer {
  readonly #options: ManagedServerOptions;
  #process: BridgeProcess | undefined;

  constructor(options: ManagedServerOptions) {
    this.#options = options;
  }

  get failure(): EarmarkError | undefined {
    const state = this.#process?.state;
    return state?.value === 'failed' ? state.error : undefined;
  }

  async start(
    onStep: (step: 'installing' | 'starting') => void,
    signal: AbortSignal,
  ): Promise<Partial<BridgeConfig>> {
    const { log, health } = this.#options;
    const python = await this.#python(() => onStep('installing'), signal);
    onStep('starting');
    const server = new BridgeProcess({
      python,
      script: path.join(serverFolder, 'server.py'),
      onLog: log,
      health,
    });
    this.#process = server;
    await server.start({ signal });
    return { baseUrl: () => server.url, token: server.token };
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async #python(onInstall: () => void, signal: AbortSignal): Promise<string> {
    const { python, userDir, log } = this.#options;
    if (python) return path.resolve(userDir, python);
    // A clone has its own environment, which `npm start` and `npm test` use too; half of one is completed.
    const own = path.join(packageFolder, '.venv');
    const environment = await ensurePythonEnvironment({
      directory: existsSync(own) ? own : path.join(userDir, 'earmark', 'python'),
      requirements: [path.join(serverFolder, 'requirements.txt')],
      onProgress: (line) => {
        onInstall();
        log(line);
      },
      signal,
    });
    return environment.python;
  }
}
