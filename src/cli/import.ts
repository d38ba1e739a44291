import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { defineCommand } from './command.ts';
import { exitStatus } from './exit-status.ts';
import { memoryOption, openMemory } from './memory-session.ts';
import { ProgressBar } from './progress-bar.ts';
import { count } from './units.ts';

export const importMemory = defineCommand({
  name: 'import',
  about:
    'Adds the patterns of an export to the memory. A pattern that is there already is replaced, so that an import that was stopped can simply be run again.',
  operands: { name: 'FILE', min: 1, max: 1, completes: 'file' },
  options: { memory: memoryOption, json: { kind: 'flag', description: 'Print one JSON document.' } },
  examples: [
    { line: 'earmark import sounds.jsonl', says: 'From a file.' },
    { line: 'gunzip < sounds.jsonl.gz | earmark import -', says: 'From standard input.' },
  ],
  async run({ operands, options, terminal, signal }) {
    const file = operands[0]!;
    const fromStandardInput = file === '-';
    const total = fromStandardInput ? 0 : (await stat(file)).size;
    const input = fromStandardInput ? process.stdin : createReadStream(file);
    await using memory = await openMemory(options.memory, 'write');
    using progress = new ProgressBar(terminal);
    let bytes = 0;
    let lines = 0;
    const read = async function* () {
      for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
        bytes += Buffer.byteLength(line) + 1;
        lines += 1;
        progress.update({ done: bytes, total, text: `${count(lines, 'line')} read` });
        yield line;
      }
    };
    const { stored } = await memory.importPatterns(read(), { signal });
    await terminal.print(options.json ? JSON.stringify({ stored }) : `${count(stored, 'pattern')} imported`);
    return exitStatus.ok;
  },
});
