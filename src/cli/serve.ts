import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { bridgePython, serverScript } from './bridge-python.ts';
import { defineCommand } from './command.ts';
import { CommandFailure } from './command-failure.ts';
import { exitStatus } from './exit-status.ts';
import type { Terminal } from './terminal.ts';

export const serve = defineCommand({
  name: 'serve',
  about:
    'Runs the bridge in the foreground until Ctrl+C: the Python server that turns audio into feature vectors. On first use it makes a Python environment for it. The server reads further settings from its environment, among them EARMARK_TOKEN, which it asks for on any address but loopback, and EARMARK_ALLOW_HOST, the names by which other machines call it.',
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
    json: { kind: 'flag', description: 'Print {"url"} on standard output once the server is ready.' },
  },
  examples: [
    { line: 'earmark serve', says: 'On http://localhost:8000.' },
    {
      line: 'EARMARK_TOKEN=$(cat token) EARMARK_ALLOW_HOST=my-server earmark serve --host 0.0.0.0',
      says: 'For other machines too, which call it by http://my-server:8000.',
    },
    { line: 'earmark serve --port 0 --json', says: 'On a free port, told to the script that started it.' },
  ],
  exits: ['0  ended by Ctrl+C or SIGTERM', '1  the server could not start or ended by itself'],
  async run({ options, terminal, signal }) {
    const python = await bridgePython({ signal, onProgress: (message) => terminal.note(message) });
    const args = [serverScript];
    for (const name of ['host', 'port', 'models'] as const) {
      if (options[name] !== undefined) args.push(`--${name}`, String(options[name]));
    }
    // What it writes belongs on our own output: whoever runs a server wants to see it.
    const server = spawn(python, args, { stdio: ['ignore', 'inherit', options.json ? 'pipe' : 'inherit'] });
    if (server.stderr !== null) void tellAddress(server.stderr, terminal).catch(() => {});
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

/**
 * Passes the server's log on, and prints its address when it says that it can embed. It is not asked: its certificate may be one
 * that nobody here trusts.
 */
async function tellAddress(log: Readable, terminal: Terminal): Promise<void> {
  let url: string | undefined;
  let model: string | undefined;
  let told = false;
  for await (const line of createInterface({ input: log })) {
    terminal.note(line);
    url ??= /listening on (\S+)/.exec(line)?.[1];
    model ??= /default (\S+), computed by/.exec(line)?.[1];
    if (told || url === undefined || !line.includes(`model ${model} is ready after`)) continue;
    told = true;
    await terminal.print(JSON.stringify({ url }));
  }
}
