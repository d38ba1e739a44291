import { defineCommand } from './command.ts';
import { exitStatus } from './exit-status.ts';
import { memoryOption, memoryPath, openMemory } from './memory-session.ts';
import { ProgressBar } from './progress-bar.ts';
import { printable } from './terminal.ts';
import { count } from './units.ts';

export const verify = defineCommand({
  name: 'verify',
  about: 'Reads every record of the memory and compares it with the index. Changes nothing.',
  options: { memory: memoryOption, json: { kind: 'flag', description: 'Print one JSON document.' } },
  examples: [
    { line: 'earmark verify', says: 'Check the default memory.' },
    { line: 'earmark verify --memory /backups/sounds --json', says: 'Check a backup from a script.' },
  ],
  exits: ['0  the memory is whole', '1  something is damaged, or failed'],
  async run({ options, terminal, signal }) {
    await using memory = await openMemory(options.memory, 'read');
    using progress = new ProgressBar(terminal);
    const report = await memory.verify({
      signal,
      onProgress: ({ done, total }) =>
        progress.update({ done, total: total ?? 0, text: `${count(done, 'pattern')} checked` }),
    });
    if (options.json) {
      await terminal.print(JSON.stringify(report));
    } else {
      for (const { id, message } of report.problems) {
        await terminal.print(
          `${terminal.style('red', 'damaged')}  ${printable(id ?? '-')}  ${printable(message)}`,
        );
      }
      await terminal.print(
        report.ok
          ? `${count(report.checked, 'pattern')} checked, all whole, in ${memoryPath(options.memory)}`
          : `${count(report.problems.length, 'problem')} in ${memoryPath(options.memory)}. Restore a backup, or go on: damaged patterns are left out of every answer.`,
      );
    }
    return report.ok ? exitStatus.ok : exitStatus.no;
  },
});
