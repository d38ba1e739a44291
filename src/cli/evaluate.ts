import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type FewShotScores, scoreFewShot } from '../evaluation/few-shot.ts';
import { parseManifest } from '../evaluation/manifest.ts';
import { scoreRetrieval } from '../evaluation/retrieval.ts';
import { verdict } from '../evaluation/verdict.ts';
import { bridgeOptions, openBridge } from './bridge-session.ts';
import { defineCommand } from './command.ts';
import { CommandFailure } from './command-failure.ts';
import { EmbeddedManifest } from './embedded-manifest.ts';
import { exitStatus } from './exit-status.ts';
import { reportFailures } from './file-failures.ts';
import { ProgressBar } from './progress-bar.ts';
import { table } from './table.ts';
import { count, showDuration } from './units.ts';
import { UsageError } from './usage-error.ts';

export const evaluate = defineCommand({
  name: 'evaluate',
  about:
    'Measures how well an encoder works on your own sounds. The manifest is a CSV file whose first line names the columns: file (relative to the manifest), label, and, where several clips were cut from one recording or spoken by one person, group. Each clip becomes one vector; clips of one group are never compared, because they are alike for the wrong reason.',
  operands: { name: 'MANIFEST.csv', min: 1, max: 1, completes: 'file' },
  options: {
    ...bridgeOptions,
    shots: {
      kind: 'text',
      placeholder: 'N,…',
      default: '1,5',
      description: 'With how many examples each sound is taught.',
    },
    exclude: {
      kind: 'text',
      placeholder: 'WHAT',
      choices: ['group', 'self'],
      default: 'group',
      description: 'What a clip is not compared with: all of its group, or only itself.',
    },
    threshold: {
      kind: 'number',
      placeholder: 'SIMILARITY',
      min: -1,
      max: 1,
      description: 'Where false matches are counted. Default: the encoder’s own.',
    },
    seed: {
      kind: 'integer',
      placeholder: 'N',
      min: 0,
      max: 4_294_967_295,
      default: 1,
      description: 'Of the draws.',
    },
    json: { kind: 'flag', description: 'Print one JSON document.' },
  },
  examples: [
    {
      line: 'earmark evaluate sounds/manifest.csv',
      says: '“How well will this work on my sounds?”, in words.',
    },
    {
      line: 'earmark evaluate manifest.csv --shots 1,5,20 --exclude group --json',
      says: 'The figures, for a script.',
    },
    { line: 'earmark evaluate manifest.csv --model wav2vec2-base', says: 'Compare another encoder.' },
  ],
  exits: [
    '0  measured',
    '1  too few clips, or failed',
    '3  measured without the files that could not be read',
  ],
  async run({ operands, options, terminal, signal }) {
    const shots = readShots(options.shots);
    const manifest = operands[0]!;
    const folder = path.dirname(manifest);
    const entries = parseManifest(await readFile(manifest, 'utf8')).map(({ file, label, group }) => ({
      file: path.resolve(folder, file),
      label,
      // Without a group every clip is a recording of its own.
      group: options.exclude === 'group' && group !== undefined ? `group ${group}` : `file ${file}`,
    }));
    if (entries.length < 2)
      throw new CommandFailure('The manifest names fewer than two clips: nothing can be compared.');
    await using session = await openBridge(options, terminal, signal);
    using progress = new ProgressBar(terminal);
    const embedded = new EmbeddedManifest(session, signal);
    await embedded.add(entries, (done) =>
      progress.update({ done, total: entries.length, text: `${done} of ${count(entries.length, 'clip')}` }),
    );
    progress[Symbol.dispose]();
    const { clips, failures, seconds, xRealtime } = embedded;
    reportFailures(terminal, failures);
    const threshold = options.threshold ?? session.model.calibration?.defaultThreshold ?? 0.5;
    const retrieval = await scoreRetrieval(clips, { threshold, signal });
    if (retrieval.asked === 0) {
      throw new CommandFailure(
        `No clip has another one of its label${options.exclude === 'group' ? ' in another group: add recordings, or use --exclude self' : ''}.`,
      );
    }
    const fewShot: FewShotScores[] = [];
    for (const count of shots) {
      const scores = await scoreFewShot(clips, { shots: count, seed: options.seed, signal });
      if (scores !== undefined) fewShot.push(scores);
      else terminal.note(`Too few clips in too few groups to teach ${count} examples of each; left out.`);
    }
    const { name, revision } = session.model;
    if (options.json) {
      const auroc = fewShot.findLast((scores) => scores.auroc !== undefined)?.auroc;
      await terminal.print(
        JSON.stringify({
          knn: retrieval.knn,
          map: retrieval.map,
          few_shot: Object.fromEntries(fewShot.map((scores) => [scores.shots, scores.accuracy.mean])),
          open_set_auroc: auroc?.mean ?? null,
          false_match: numberOrNull(retrieval.falseMatch),
          random_cosine: numberOrNull(retrieval.randomCosine),
          x_realtime: xRealtime,
          model: { name, revision },
          threshold,
          threshold_1_percent: numberOrNull(retrieval.threshold1Percent),
          clips: clips.length,
          asked: retrieval.asked,
          groups: new Set(clips.map((clip) => clip.group)).size,
          audio_seconds: seconds,
          draws: fewShot,
          labels: retrieval.labels,
          failures,
        }),
      );
    } else {
      await terminal.print(terminal.style('bold', 'How well will this work on my sounds?'));
      for (const sentence of verdict(retrieval, fewShot, threshold)) await terminal.print(`  ${sentence}`);
      await terminal.print('');
      for (const line of figures()) await terminal.print(line);
    }
    return failures.length === 0 ? exitStatus.ok : exitStatus.partly;

    function figures(): string[] {
      const rows = [
        [
          'nearest neighbour right (knn)',
          share(retrieval.knn),
          `${retrieval.asked} of ${count(clips.length, 'clip')} asked`,
        ],
        ['mean average precision (map)', share(retrieval.map), ''],
        ...fewShot.flatMap(({ shots, accuracy, auroc, draws }) => [
          [
            `right with ${shots === 1 ? '1 example' : `${shots} examples`} (few_shot)`,
            share(accuracy.mean),
            `± ${share(accuracy.deviation)} over ${draws} draws`,
          ],
          ...(auroc === undefined
            ? []
            : [
                [
                  `known from unknown, AUROC (open_set_auroc)`,
                  share(auroc.mean),
                  `± ${share(auroc.deviation)}, a third never taught`,
                ],
              ]),
        ]),
        [
          'unrelated pairs over the threshold (false_match)',
          share(retrieval.falseMatch),
          `at ${threshold.toFixed(3)}`,
        ],
        [
          'mean cosine of unrelated pairs (random_cosine)',
          share(retrieval.randomCosine),
          `${count(retrieval.unrelatedPairs, 'pair')}`,
        ],
        [
          'speed (x_realtime)',
          xRealtime.toFixed(1),
          `${showDuration(seconds)} of audio, ${name} ${revision}`,
        ],
      ];
      return table(['measure', 'value', ''], rows);
    }
  },
});

function readShots(text: string): number[] {
  const shots = text.split(',').map((part) => Number(part.trim() || Number.NaN));
  if (shots.some((count) => !Number.isInteger(count) || count < 1 || count > 1000)) {
    throw new UsageError(
      `--shots must be whole numbers of at least 1 with commas between them, not "${text}"`,
    );
  }
  return [...new Set(shots)].sort((a, b) => a - b);
}

function share(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(3);
}

/** JSON has no NaN: what could not be measured is null. */
function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
