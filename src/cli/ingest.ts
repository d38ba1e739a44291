import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { AudioError, findAudioFiles } from '../audio/index.ts';
import { longestText } from '../storage/checked-pattern.ts';
import { bridgeOptions, openBridge } from './bridge-session.ts';
import { defineCommand } from './command.ts';
import { CommandFailure } from './command-failure.ts';
import { cutOption } from './cut-audio.ts';
import type { FileTally } from './embed-source.ts';
import { exitStatus } from './exit-status.ts';
import { type FileFailure, fileFailure, reportFailures } from './file-failures.ts';
import { type AudioFile, ingestFile } from './ingest-file.ts';
import { memoryOption, openMemory } from './memory-session.ts';
import { ProgressBar } from './progress-bar.ts';
import type { Terminal } from './terminal.ts';
import { count, showDuration } from './units.ts';
import { UsageError } from './usage-error.ts';

/** Decoding and embedding overlap when several files are under way; more would only hold more memory. */
const filesAtOnce = 4;

export const ingest = defineCommand({
  name: 'ingest',
  about:
    'Stores the sounds of audio files, and of all audio files in folders, in the memory. Run it again after a stop or when files were added: what the memory has is skipped, and a file that has changed replaces what was stored of it. Silence is left out.',
  operands: { name: 'PATH', min: 1, completes: 'file' },
  options: {
    memory: memoryOption,
    ...bridgeOptions,
    cut: cutOption,
    label: {
      kind: 'text',
      placeholder: 'LABEL',
      maxBytes: longestText,
      description: 'What these sounds are called.',
    },
    'label-from': {
      kind: 'text',
      placeholder: 'WHAT',
      choices: ['folder', 'file'],
      description: 'Call each sound by the name of its folder, or of its file without the ending.',
    },
    tag: {
      kind: 'list',
      placeholder: 'TAG',
      maxBytes: longestText,
      description: 'A word to find these sounds by.',
    },
    json: { kind: 'flag', description: 'Print the summary as one JSON document.' },
  },
  examples: [
    { line: 'earmark ingest doorbell.wav --label doorbell', says: 'Teach one sound.' },
    { line: 'earmark ingest ~/sounds --label-from folder', says: '~/sounds/dog/1.flac is called “dog”.' },
    {
      line: 'earmark ingest recordings --cut sounds --tag garden',
      says: 'One pattern for each sound in long recordings.',
    },
  ],
  exits: [
    '0    all files are in the memory',
    '1    no audio file was found, none could be read, or failed',
    '3    some files failed, the others are in the memory',
    '130  ended by Ctrl+C; run it again to go on',
  ],
  async run({ operands, options, terminal, signal }) {
    if (options.label !== undefined && options['label-from'] !== undefined) {
      throw new UsageError('--label and --label-from exclude each other');
    }
    const failures: FileFailure[] = [];
    const files = await listFiles(operands, failures, signal);
    if (files.length === 0) {
      reportFailures(terminal, failures);
      throw new CommandFailure('There is no audio file to store.');
    }
    await using session = await openBridge(options, terminal, signal);
    const { name, revision, dimensions, metric } = session.model;
    await using memory = await openMemory(options.memory, 'write', {
      encoder: { name, revision },
      dimensions,
      distanceMetric: metric,
    });
    const summary = new IngestSummary(files, failures);
    // A fault that would meet every other file too ends the work on the others before anything is closed.
    const stop = new AbortController();
    const until = AbortSignal.any([signal, stop.signal]);
    using progress = new ProgressBar(terminal);
    const queue = files.values();
    const work = async () => {
      for (const file of queue) {
        until.throwIfAborted();
        const tally = summary.begin(file);
        try {
          const patterns = await ingestFile(file, {
            session,
            memory,
            cut: options.cut,
            signal: until,
            tally,
            tags: options.tag,
            ...labelOf(file, options.label, options['label-from']),
            onProgress: () => progress.update(summary.progress()),
          });
          summary.end(file, patterns);
        } catch (error) {
          stop.signal.throwIfAborted();
          summary.end(file, fileFailure(file.path, error));
        }
        progress.update(summary.progress());
      }
    };
    const ends = await Promise.allSettled(
      Array.from({ length: filesAtOnce }, () =>
        work().catch((error) => {
          stop.abort(error);
          throw error;
        }),
      ),
    );
    progress[Symbol.dispose]();
    await summary.report(terminal, options.json);
    const fault = ends.find((end) => end.status === 'rejected');
    if (fault !== undefined) throw stop.signal.reason;
    if (failures.length === 0) return exitStatus.ok;
    return summary.finished > 0 ? exitStatus.partly : exitStatus.no;
  },
});

async function listFiles(
  paths: string[],
  failures: FileFailure[],
  signal: AbortSignal,
): Promise<AudioFile[]> {
  const files = new Map<string, AudioFile>();
  for (const given of paths) {
    let names = 0;
    try {
      const onSkipped = (folder: string, error: AudioError) => failures.push(fileFailure(folder, error));
      for await (const found of findAudioFiles(given, signal, onSkipped)) {
        names += 1;
        const file = path.resolve(found);
        // One that was moved away since must not end the search for the others.
        await stat(file).then(
          ({ size, mtimeMs }) => files.set(file, { path: file, bytes: size, modified: mtimeMs }),
          (error) => failures.push(fileFailure(file, error)),
        );
      }
      // A name with brackets that is not there is read as a pattern, and a pattern may match nothing.
      if (names === 0 && !existsSync(given))
        throw new AudioError('NOT_FOUND', `There is no folder or file ${given}.`);
    } catch (error) {
      failures.push(fileFailure(given, error));
    }
  }
  return [...files.values()];
}

function labelOf(
  file: AudioFile,
  label: string | undefined,
  from: 'folder' | 'file' | undefined,
): { label?: string } {
  if (label !== undefined) return { label };
  if (from === undefined) return {};
  const name = from === 'folder' ? path.basename(path.dirname(file.path)) : path.parse(file.path).name;
  // A Mac writes names with their accents apart; who types one, or reads it in the sidebar, has them in place.
  // A file that lies in no folder has no name from there.
  return name === '' ? {} : { label: name.normalize('NFC') };
}

/** What has been done so far, for the bar and for the end. */
class IngestSummary {
  private readonly failures: FileFailure[];
  private readonly started = performance.now();
  private readonly underWay = new Map<AudioFile, FileTally>();
  private readonly counts = { files: 0, stored: 0, known: 0, silent: 0, patterns: 0 };
  private readonly bytes: number;
  private bytesDone = 0;
  private finishedBytes = 0;
  private finishedSeconds = 0;

  constructor(files: readonly AudioFile[], failures: FileFailure[]) {
    this.failures = failures;
    this.counts.files = files.length;
    this.bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  }

  begin(file: AudioFile): FileTally {
    const tally = { seconds: 0, silentPieces: 0 };
    this.underWay.set(file, tally);
    return tally;
  }

  end(file: AudioFile, result: number | 'known' | FileFailure): void {
    const tally = this.underWay.get(file)!;
    this.underWay.delete(file);
    this.bytesDone += file.bytes;
    if (typeof result === 'object') this.failures.push(result);
    else if (result === 'known') this.counts.known += 1;
    else {
      this.counts[result === 0 ? 'silent' : 'stored'] += 1;
      this.counts.patterns += result;
      this.finishedBytes += file.bytes;
    }
    this.finishedSeconds += tally.seconds;
  }

  /** Files that need nothing more. */
  get finished(): number {
    const { stored, known, silent } = this.counts;
    return stored + known + silent;
  }

  progress() {
    const { files } = this.counts;
    // Until the first file is finished, the rate of 16-bit mono at 16 kHz tells how far the others may be.
    const bytesPerSecond = this.finishedBytes > 0 ? this.finishedBytes / this.finishedSeconds : 32_000;
    let partial = 0;
    for (const [file, { seconds }] of this.underWay)
      partial += Math.min(0.95 * file.bytes, seconds * bytesPerSecond);
    return {
      done: this.bytesDone + partial,
      total: this.bytes,
      text: `${this.finished} of ${count(files, 'file')} · ${this.speed().toFixed(0)} × real time`,
    };
  }

  async report(terminal: Terminal, json: boolean): Promise<void> {
    reportFailures(terminal, this.failures);
    const seconds = (performance.now() - this.started) / 1000;
    const { stored, known, silent, files, patterns } = this.counts;
    if (json) {
      await terminal.print(
        JSON.stringify({
          files,
          stored,
          known,
          silent,
          failed: this.failures.length,
          patterns,
          audioSeconds: this.audioSeconds(),
          seconds,
          xRealtime: this.speed(),
          failures: this.failures,
        }),
      );
      return;
    }
    const speed =
      stored > 0
        ? `, ${showDuration(this.audioSeconds())} of audio at ${this.speed().toFixed(0)} × real time`
        : '';
    await terminal.print(
      `${count(patterns, 'pattern')} stored from ${count(stored, 'file')} in ${showDuration(seconds)}${speed}.`,
    );
    if (known > 0) await terminal.print(`${count(known, 'file')} skipped: the memory has them.`);
    if (silent > 0) await terminal.print(`${count(silent, 'file')} with nothing to hear.`);
  }

  private audioSeconds(): number {
    let seconds = this.finishedSeconds;
    for (const tally of this.underWay.values()) seconds += tally.seconds;
    return seconds;
  }

  private speed(): number {
    return this.audioSeconds() / ((performance.now() - this.started) / 1000);
  }
}
