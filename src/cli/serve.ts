import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bridgePython, serverScript } from './bridge-python.ts';
import { defineCommand } from './command.ts';
import { CommandFailure } from './command-failure.ts';
import { exitStatus } from './exit-status.ts';

export const serve = defineCommand({
  name: 'serve',
  about:
    'Runs the bridge in the foreground until Ctrl+C: the Python server that turns audio into feature vectors. On first use it makes a Python environment for it. The server reads further settings from its environment, among them EARMARK_TOKEN, which it asks for on any address but loopback.',
  options: {
    host: {
      kind: 'text',
      placeholder: 'ADDRESS',
      description: 'Address to listen on. Default: HOST, or else localhost.',
    },
    port: {
      kind: 'integer',
      placeholder: 'PORT',
      min: 0,
      max: 65_535,
      description: 'Port to listen on, 0 for any free one. Default: PORT, or else 8000.',
    },
    models: {
      kind: 'text',
      placeholder: 'FILE',
      completes: 'file',
      description: 'The encoders by name, instead of the shipped ones.',
    },
  },
  examples: [
    { line: 'earmark serve', says: 'On http://localhost:8000.' },
    {
      line: 'EARMARK_TOKEN=$(openssl rand -hex 32) earmark serve --host 0.0.0.0',
      says: 'For other machines too.',
    },
  ],
  exits: ['0  ended by Ctrl+C or SIGTERM', '1  the server could not start or ended by itself'],
  async run({ options, terminal, signal }) {
    const python = await bridgePython({ signal, onProgress: (message) => terminal.note(message) });
    const args = [serverScript];
    for (const name of ['host', 'port', 'models'] as const) {
      if (options[name] !== undefined) args.push(`--${name}`, String(options[name]));
    }
    // What it writes belongs on our own output: whoever runs a server wants to see it.
    const server = spawn(python, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    // Ctrl+C reaches the server by itself; a signal to us alone must be passed on. It drains and then ends.
    const end = () => server.kill('SIGTERM');
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const [code] = (await once(server, 'exit')) as [number | null];
      return signal.aborted || code === 0 ? exitStatus.ok : exitStatus.no;
    } catch (error) {
      throw new CommandFailure(`${python} cannot be run: ${(error as Error).message}`);
    } finally {
      signal.removeEventListener('abort', end);
    }
  },
});
