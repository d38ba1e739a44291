// The project's own Python environment, `.venv` at the root: made on first use, checked in milliseconds later.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePythonEnvironment } from '../dist/src/bridge/index.js';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Resolves to the path of the environment's Python. `requirements` are file names in `python-bridge/`. */
export async function projectPython(requirements) {
  const { python } = await ensurePythonEnvironment({
    directory: path.join(root, '.venv'),
    requirements: requirements.map((name) => path.join(root, 'python-bridge', name)),
    onProgress: (line) => console.log(line),
  });
  return python;
}
