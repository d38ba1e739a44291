import { listAudioDevices } from '../audio/index.ts';
import { defineCommand } from './command.ts';
import { exitStatus } from './exit-status.ts';
import { table } from './table.ts';
import { printable } from './terminal.ts';

export const devices = defineCommand({
  name: 'devices',
  about: 'Lists the microphones that earmark listen and the capture node can use.',
  options: { json: { kind: 'flag', description: 'Print one JSON document.' } },
  examples: [
    { line: 'earmark devices', says: 'What is there?' },
    { line: 'earmark devices --json', says: 'For a script.' },
  ],
  exits: ['0  there is one', '1  there is none'],
  async run({ options, terminal }) {
    const found = await listAudioDevices();
    if (options.json) {
      await terminal.print(JSON.stringify(found));
    } else if (found.length > 0) {
      const rows = found.map(({ device, recorder, name, monitor }) => [
        printable(device),
        recorder,
        printable(monitor ? `${name} (what is played)` : name),
      ]);
      for (const line of table(['device', 'recorder', 'name'], rows)) await terminal.print(line);
    } else {
      terminal.note('No microphone was found. earmark doctor says what is missing.');
    }
    return found.length > 0 ? exitStatus.ok : exitStatus.no;
  },
});
