import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { defineCommand } from './command.ts';
import { exitStatus } from './exit-status.ts';
import { memoryOption, openMemory } from './memory-session.ts';
import { ProgressBar } from './progress-bar.ts';
import { count } from './units.ts';

export const exportMemory = defineCommand({
  name: 'export',
  about:
    'Writes every pattern as a line of JSON with its vector in base64, to standard output or to a file. Nothing is held in memory, however many there are.',
  options: {
    memory: memoryOption,
    output: {
      kind: 'text',
      short: 'o',
      placeholder: 'FILE',
      completes: 'file',
      description: 'Write there; the file appears once it is complete.',
    },
    json: { kind: 'flag', description: 'With --output: print one JSON document about what was written.' },
  },
  examples: [
    { line: 'earmark export --output sounds.jsonl', says: 'To a file.' },
    { line: 'earmark export | gzip > sounds.jsonl.gz', says: 'Through a pipe.' },
  ],
  async run({ options, terminal, signal }) {
    await using memory = await openMemory(options.memory, 'read');
    const total = await memory.countPatterns();
    const { output } = options;
    let written = 0;
    using progress = new ProgressBar(terminal);
    const lines = async function* () {
      for await (const line of memory.exportPatterns({ signal })) {
        yield line.endsWith('\n') ? line : `${line}\n`;
        written += 1;
        progress.update({ done: written, total, text: `${count(written, 'pattern')} written` });
      }
    };
    if (output === undefined) {
      for await (const line of lines()) await terminal.write(line);
      return exitStatus.ok;
    }
    await writeWhole(output, lines());
    await terminal.print(
      options.json
        ? JSON.stringify({ file: output, patterns: written })
        : `${count(written, 'pattern')} written to ${output}`,
    );
    return exitStatus.ok;
  },
});

/** A half-written export must never be taken for a whole one. */
async function writeWhole(file: string, lines: AsyncIterable<string>): Promise<void> {
  const partial = `${file}.partial`;
  const stream = createWriteStream(partial, { mode: 0o600 });
  try {
    await once(stream, 'open');
    for await (const line of lines) {
      if (!stream.write(line)) await once(stream, 'drain');
    }
    stream.end();
    await finished(stream);
    await rename(partial, file);
  } catch (error) {
    stream.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}
