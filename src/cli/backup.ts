import path from 'node:path';
import { defineCommand } from './command.ts';
import { exitStatus } from './exit-status.ts';
import { memoryOption, openMemory } from './memory-session.ts';
import { ProgressBar } from './progress-bar.ts';
import { count } from './units.ts';

export const backup = defineCommand({
  name: 'backup',
  about:
    'Copies the memory into a new folder, as it was at one moment, while other processes go on using it. The copy is a memory: name it with --memory to use it.',
  operands: { name: 'FOLDER', min: 1, max: 1, completes: 'folder' },
  options: { memory: memoryOption, json: { kind: 'flag', description: 'Print one JSON document.' } },
  examples: [
    { line: 'earmark backup /backups/sounds-2026-11-23', says: 'A copy of the default memory.' },
    { line: 'earmark query --memory /backups/sounds-2026-11-23', says: 'Look into it.' },
  ],
  async run({ operands, options, terminal, signal }) {
    const folder = path.resolve(operands[0]!);
    await using memory = await openMemory(options.memory, 'read');
    using progress = new ProgressBar(terminal);
    await memory.backup(folder, {
      signal,
      onProgress: ({ done, total }) => progress.update({ done, total: total ?? 0, text: 'copying' }),
    });
    const patterns = await memory.countPatterns();
    await terminal.print(
      options.json
        ? JSON.stringify({ folder, patterns })
        : `${count(patterns, 'pattern')} copied to ${folder}`,
    );
    return exitStatus.ok;
  },
});
