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
    // Standard input may send nothing for ever; stopped, the lines end.
    const reader = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, signal });
    const lines = reader[Symbol.asyncIterator]();
    const first = await lines.next();
    // Some programs on Windows begin a text with a byte-order mark.
    if (!first.done) first.value = first.value.replace(/^\uFEFF/, '');
    signal.throwIfAborted();
    await using memory = await openMemory(options.memory, 'write', first.done ? {} : lengthIn(first.value));
    using progress = new ProgressBar(terminal);
    let bytes = 0;
    let read = 0;
    const counted = async function* () {
      for (let line = first; !line.done; line = await lines.next()) {
        bytes += Buffer.byteLength(line.value) + 1;
        read += 1;
        progress.update({ done: bytes, total, text: `${count(read, 'line')} read` });
        yield line.value;
      }
      signal.throwIfAborted();
    };
    const { stored } = await memory.importPatterns(counted(), { signal });
    await terminal.print(options.json ? JSON.stringify({ stored }) : `${count(stored, 'pattern')} imported`);
    return exitStatus.ok;
  },
});

/** A new memory is made for vectors of the length that the export holds; what else is wrong with a line the memory says. */
function lengthIn(line: string): { dimensions?: number } {
  try {
    const { features } = (JSON.parse(line) as { pattern: { features: string } }).pattern;
    const dimensions = Buffer.from(features, 'base64').length / Float32Array.BYTES_PER_ELEMENT;
    return Number.isInteger(dimensions) && dimensions > 0 ? { dimensions } : {};
  } catch {
    return {};
  }
}
