import { BridgeError, BridgeProcess, type EncoderModel, PythonBridgeService } from '../bridge/index.ts';
import { bridgePython, serverScript } from './bridge-python.ts';
import { CommandFailure } from './command-failure.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const bridgeOptions = {
  bridge: {
    kind: 'text',
    placeholder: 'URL',
    description:
      'Address of a running bridge. Default: EARMARK_BRIDGE_URL; with neither the command starts its own. Its token comes from EARMARK_TOKEN.',
  },
  model: { kind: 'text', placeholder: 'NAME', description: 'Encoder. Default: the bridge’s own.' },
} as const;

/** A bridge that answers, and the encoder that is used. Disposing it ends what was started for it. */
export interface BridgeSession extends AsyncDisposable {
  service: PythonBridgeService;
  model: EncoderModel;
}

/** The bridge that the options or the environment name, or else one of the command's own. */
export async function openBridge(
  options: { bridge?: string | undefined; model?: string | undefined },
  terminal: Terminal,
  signal: AbortSignal,
): Promise<BridgeSession> {
  const url = options.bridge ?? (process.env.EARMARK_BRIDGE_URL || undefined);
  const { service, close } = url === undefined ? await ownBridge(terminal, signal) : bridgeAt(url);
  try {
    const model = await chooseModel(service, options.model, terminal, signal);
    terminal.clearStatus();
    return { service, model, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface OpenBridge {
  service: PythonBridgeService;
  close: () => Promise<void>;
}

function bridgeAt(url: string): OpenBridge {
  const token = process.env.EARMARK_TOKEN;
  try {
    const service = new PythonBridgeService({ baseUrl: url, ...(token ? { token } : {}) });
    return { service, close: () => service.close() };
  } catch (error) {
    if (error instanceof BridgeError && error.code === 'BAD_REQUEST') throw new UsageError(error.message);
    throw error;
  }
}

async function ownBridge(terminal: Terminal, signal: AbortSignal): Promise<OpenBridge> {
  const python = await bridgePython({ signal, onProgress: (message) => terminal.note(message) });
  terminal.status('Starting the bridge …');
  const server = new BridgeProcess({ python, script: serverScript });
  try {
    await server.start({ signal });
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  const service = new PythonBridgeService({ baseUrl: () => server.url, token: server.token });
  const close = async () => {
    await service.close();
    await server[Symbol.asyncDispose]();
  };
  return { service, close };
}

/** The named encoder, or the server's first one, loaded. */
async function chooseModel(
  service: PythonBridgeService,
  name: string | undefined,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<EncoderModel> {
  const listed = await service.listModels({ signal });
  const chosen = name === undefined ? listed[0] : listed.find((status) => status.name === name);
  if (chosen === undefined) {
    const names = listed.map((status) => status.name).join(', ') || 'none';
    throw new CommandFailure(`The bridge has no encoder ${name ?? 'at all'}. It has: ${names}.`);
  }
  if (chosen.state === 'loaded' && chosen.model !== undefined) return chosen.model;
  terminal.status(`Loading the encoder ${chosen.name} …`);
  const { model } = await service.loadModel(chosen.name, { signal });
  if (model === undefined)
    throw new CommandFailure(`The bridge loaded ${chosen.name} but does not describe it.`);
  return model;
}
