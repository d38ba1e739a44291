import { bridgeOptions, openBridge } from './bridge-session.ts';
import { defineCommand } from './command.ts';
import { cutOption } from './cut-audio.ts';
import { embedFile } from './embed-source.ts';
import { exitStatus } from './exit-status.ts';
import { type FileFailure, fileFailure, reportFailures } from './file-failures.ts';
import { printable } from './terminal.ts';
import { showTime } from './units.ts';

export const embed = defineCommand({
  name: 'embed',
  about:
    'Computes the feature vectors of audio files and prints one per window: file, startTime and endTime in seconds, model, features. Any format that ffmpeg reads, WAV without it.',
  operands: { name: 'FILE', min: 1, completes: 'file' },
  options: {
    ...bridgeOptions,
    cut: cutOption,
    jsonl: { kind: 'flag', description: 'Print a JSON object per line.' },
    json: { kind: 'flag', description: 'Print one JSON document.' },
  },
  examples: [
    { line: 'earmark embed doorbell.wav --jsonl', says: 'A line of JSON for each window.' },
    { line: 'earmark embed *.flac --cut whole --jsonl > vectors.jsonl', says: 'One vector for each file.' },
  ],
  exits: [
    '0  done',
    '1  no file could be read, or failed',
    '3  some files could not be read, the others are done',
  ],
  async run({ operands, options, terminal, signal }) {
    await using session = await openBridge(options, terminal, signal);
    const failures: FileFailure[] = [];
    let printed = 0;
    for (const file of operands) {
      try {
        const tally = { seconds: 0, silentPieces: 0 };
        for await (const outcome of embedFile(file, tally, {
          session,
          cut: options.cut,
          skipSilence: false,
          signal,
        })) {
          if (!outcome.ok) {
            failures.push({ file, code: outcome.error.code, message: outcome.error.message });
            continue;
          }
          const { startTime, endTime, model, features } = outcome.value;
          const line = JSON.stringify({ file, startTime, endTime, model, features: [...features] });
          if (options.jsonl) await terminal.print(line);
          else if (options.json) await terminal.write(`${printed === 0 ? '[' : ',\n'}${line}`);
          else {
            const start = [...features.subarray(0, 4)].map((value) => value.toFixed(3)).join(', ');
            await terminal.print(
              `${printable(file)}  ${showTime(startTime)}–${showTime(endTime)}  ${model.name}  ${features.length} numbers: ${start}, …`,
            );
          }
          printed += 1;
        }
      } catch (error) {
        failures.push(fileFailure(file, error));
      }
    }
    if (options.json && !options.jsonl) await terminal.print(printed === 0 ? '[]' : ']');
    reportFailures(terminal, failures);
    if (failures.length === 0) return exitStatus.ok;
    return printed === 0 ? exitStatus.no : exitStatus.partly;
  },
});
