import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensurePythonEnvironment } from '../bridge/index.ts';
import { packageFolder } from './package-folder.ts';

const bridgeFolder = path.join(packageFolder, 'python-bridge');
export const serverScript = path.join(bridgeFolder, 'server.py');

/** In a clone the project's own `.venv`; beside an installed package, which may not be writable, the user's own. */
export const environmentFolder = existsSync(path.join(packageFolder, 'scripts', 'setup.mjs'))
  ? path.join(packageFolder, '.venv')
  : path.join(os.homedir(), '.earmark', 'python');

/**
 * A Python that has what the server needs: the one that EARMARK_BRIDGE_PYTHON names, as it is, or else an
 * environment that is made on first use.
 *
 * @throws {BridgeError} `BRIDGE_PROCESS` with what to install.
 */
export async function bridgePython(options: {
  onProgress: (message: string) => void;
  signal: AbortSignal;
}): Promise<string> {
  const given = process.env.EARMARK_BRIDGE_PYTHON;
  if (given) return given;
  const { python } = await ensurePythonEnvironment({
    directory: environmentFolder,
    requirements: [path.join(bridgeFolder, 'requirements.txt')],
    ...options,
  });
  return python;
}
