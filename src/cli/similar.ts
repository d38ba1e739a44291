import type { SimilarPattern } from '../storage/index.ts';
import { bridgeOptions, openBridge } from './bridge-session.ts';
import { defineCommand } from './command.ts';
import { CommandFailure } from './command-failure.ts';
import { criteriaOf, criteriaOptions } from './criteria.ts';
import { cutOption } from './cut-audio.ts';
import { embedFile } from './embed-source.ts';
import { exitStatus } from './exit-status.ts';
import { lowest, memoryOption, openMemory } from './memory-session.ts';
import { patternJson, patternName } from './shown-pattern.ts';
import { table } from './table.ts';
import { printable } from './terminal.ts';
import { count, showTime } from './units.ts';

/** A stored pattern with the piece of the file that is most like it. */
interface Match {
  stored: SimilarPattern;
  startTime: number;
  endTime: number;
}

export const similar = defineCommand({
  name: 'similar',
  about:
    'Finds the stored patterns that sound most like a file. The file is cut as ingest cuts files, and each pattern counts with the piece that is most like it. With criteria, only patterns that meet them are looked at.',
  operands: { name: 'FILE', min: 1, max: 1, completes: 'file' },
  options: {
    memory: memoryOption,
    ...bridgeOptions,
    cut: cutOption,
    threshold: {
      kind: 'number',
      placeholder: 'SIMILARITY',
      min: -1,
      max: 1,
      description: 'Leave out what is less alike. Default: the encoder’s own.',
    },
    limit: {
      kind: 'integer',
      placeholder: 'N',
      min: 1,
      max: 100_000,
      default: 10,
      description: 'At most so many.',
    },
    ...criteriaOptions,
    features: { kind: 'flag', description: 'With --json or --jsonl: print the feature vectors too.' },
    json: { kind: 'flag', description: 'Print one JSON document.' },
    jsonl: { kind: 'flag', description: 'Print a JSON object per match and line.' },
  },
  examples: [
    { line: 'earmark similar unknown.wav', says: 'What is it like?' },
    { line: 'earmark similar unknown.wav --label doorbell --limit 1', says: 'Is it one of the doorbells?' },
    {
      line: 'earmark similar unknown.wav --threshold 0 --json',
      says: 'The ten nearest, however far, as JSON.',
    },
  ],
  exits: ['0  something is alike', '1  nothing is, or failed'],
  async run({ operands, options, terminal, signal }) {
    const file = operands[0]!;
    const where = criteriaOf(options);
    await using memory = await openMemory(options.memory, 'read');
    await using session = await openBridge(options, terminal, signal);
    const threshold = options.threshold ?? session.model.calibration?.defaultThreshold ?? 0;
    const encoder = { name: session.model.name, revision: session.model.revision };
    const best = new Map<string, Match>();
    let pieces = 0;
    const tally = { seconds: 0, silentPieces: 0 };
    const embedding = { session, cut: options.cut, skipSilence: true, signal };
    for await (const outcome of embedFile(file, tally, embedding)) {
      if (!outcome.ok) throw outcome.error;
      pieces += 1;
      const { features, startTime, endTime } = outcome.value;
      // Without the threshold, so that the nearest can be named when nothing is near enough.
      for (const stored of await memory.findSimilarPatterns(features, {
        similarityThreshold: lowest,
        maxResults: options.limit,
        where,
        encoder,
      })) {
        const known = best.get(stored.pattern.id);
        if (known === undefined || stored.similarity > known.stored.similarity) {
          best.set(stored.pattern.id, { stored, startTime, endTime });
        }
      }
    }
    if (pieces === 0) {
      throw new CommandFailure(
        tally.silentPieces > 0
          ? `There is only silence in ${file}.`
          : `No sound rises over the background in ${file}. Try --cut windows.`,
      );
    }
    const ranked = [...best.values()].sort((a, b) => b.stored.similarity - a.stored.similarity);
    const matches = ranked.filter(({ stored }) => stored.similarity >= threshold).slice(0, options.limit);
    const shown = matches.map(({ stored, startTime, endTime }) => ({
      startTime,
      endTime,
      ...patternJson(stored, options.features),
    }));
    if (options.jsonl) {
      for (const match of shown) await terminal.print(JSON.stringify({ file, ...match }));
    } else if (options.json) {
      await terminal.print(JSON.stringify({ file, model: encoder, threshold, pieces, matches: shown }));
    } else if (matches.length > 0) {
      const rows = matches.map(({ stored, startTime }) => [
        stored.similarity.toFixed(3),
        patternName(stored),
        showTime(startTime),
        `${printable(stored.metadata.sourceId)} ${showTime(stored.pattern.startTime)}`,
        printable(stored.pattern.id),
      ]);
      for (const line of table(['similarity', 'name', 'at', 'heard in', 'id'], rows))
        await terminal.print(line);
    } else {
      const [nearest] = ranked;
      const near =
        nearest === undefined
          ? ''
          : ` The nearest is ${patternName(nearest.stored)} (${nearest.stored.similarity.toFixed(3)}).`;
      const all = count(await memory.countPatterns(where), 'pattern');
      terminal.note(`Nothing among ${all} is as alike as ${threshold.toFixed(2)}.${near}`);
    }
    return matches.length > 0 ? exitStatus.ok : exitStatus.no;
  },
});
