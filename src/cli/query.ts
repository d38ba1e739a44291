import { defineCommand } from './command.ts';
import { criteriaOf, criteriaOptions } from './criteria.ts';
import { exitStatus } from './exit-status.ts';
import { memoryOption, openMemory } from './memory-session.ts';
import { patternJson } from './shown-pattern.ts';
import { table } from './table.ts';
import { printable } from './terminal.ts';
import { count, showTime } from './units.ts';

const columns = ['label', 'type', 'time', 'Hz', 'confidence', 'stored (UTC)', 'source', 'id'];

export const query = defineCommand({
  name: 'query',
  about: 'Finds patterns by what is known of them. Criteria are joined by “and”; ranges match by overlap.',
  options: {
    memory: memoryOption,
    ...criteriaOptions,
    sort: {
      kind: 'text',
      placeholder: 'BY',
      choices: ['createdAt', 'startTime', 'endTime', 'confidence', 'id'],
      default: 'createdAt',
      description: 'What the patterns are sorted by.',
    },
    order: {
      kind: 'text',
      placeholder: 'ORDER',
      choices: ['asc', 'desc'],
      description: 'Without it the newest and the most confident come first, of others the lowest.',
    },
    limit: { kind: 'integer', placeholder: 'N', min: 1, default: 100, description: 'At most so many.' },
    count: { kind: 'flag', description: 'Print only how many there are.' },
    features: { kind: 'flag', description: 'With --json or --jsonl: print the feature vectors too.' },
    json: { kind: 'flag', description: 'Print one JSON document.' },
    jsonl: { kind: 'flag', description: 'Print a JSON object per line.' },
  },
  examples: [
    {
      line: 'earmark query --label doorbell --since 2026-11-01',
      says: 'Every doorbell since the first of November.',
    },
    { line: 'earmark query --low 2000 --confidence 0.8 --json', says: 'What reaches over 2 kHz, as JSON.' },
    { line: 'earmark query --source /sounds/kitchen.wav --count', says: 'How many patterns one file gave.' },
  ],
  exits: ['0  found', '1  nothing found, or failed'],
  async run({ options, terminal, signal }) {
    const criteria = criteriaOf(options);
    await using memory = await openMemory(options.memory, 'read');
    if (options.count) {
      const found = await memory.countPatterns(criteria);
      await terminal.print(options.json || options.jsonl ? JSON.stringify({ count: found }) : String(found));
      return found > 0 ? exitStatus.ok : exitStatus.no;
    }
    const wanted = {
      ...criteria,
      sortBy: options.sort,
      ...(options.order === undefined ? {} : { sortDirection: options.order }),
      limit: options.limit,
    };
    let found = 0;
    const rows: string[][] = [];
    for await (const stored of memory.iteratePatterns(wanted)) {
      signal.throwIfAborted();
      found += 1;
      if (options.jsonl) {
        await terminal.print(JSON.stringify(patternJson(stored, options.features)));
      } else if (options.json) {
        await terminal.write(
          `${found === 1 ? '[' : ',\n'}${JSON.stringify(patternJson(stored, options.features))}`,
        );
      } else {
        const { pattern, metadata } = stored;
        rows.push([
          printable(metadata.label ?? '-'),
          printable(pattern.type),
          `${showTime(pattern.startTime)}–${showTime(pattern.endTime)}`,
          `${Math.round(pattern.frequencyRange.low)}–${Math.round(pattern.frequencyRange.high)}`,
          pattern.confidence.toFixed(2),
          new Date(metadata.createdAt).toISOString().slice(0, 19).replace('T', ' '),
          printable(metadata.sourceId),
          printable(pattern.id),
        ]);
      }
    }
    if (options.json && !options.jsonl) await terminal.print(found === 0 ? '[]' : ']');
    if (rows.length > 0) for (const line of table(columns, rows)) await terminal.print(line);
    if (found === 0) {
      terminal.note(`Nothing matches among ${count(await memory.countPatterns(), 'pattern')}.`);
      return exitStatus.no;
    }
    return exitStatus.ok;
  },
});
