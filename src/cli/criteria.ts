import type { PatternQuery } from '../pattern.ts';
import { longestText } from '../storage/checked-pattern.ts';
import type { OptionValues } from './command.ts';
import { UsageError } from './usage-error.ts';

/** The options by which patterns are chosen, the same wherever they are. */
export const criteriaOptions = {
  label: { kind: 'text', placeholder: 'LABEL', description: 'What the sound is called.' },
  type: { kind: 'text', placeholder: 'TYPE', description: 'What kind of pattern it is.' },
  source: {
    kind: 'text',
    placeholder: 'SOURCE',
    description: 'The file, microphone or stream it came from.',
  },
  tag: {
    kind: 'list',
    placeholder: 'TAG',
    maxBytes: longestText,
    description: 'Only patterns that carry the tag.',
  },
  from: {
    kind: 'number',
    placeholder: 'SECONDS',
    min: 0,
    description: 'Not over before this second of its source.',
  },
  to: { kind: 'number', placeholder: 'SECONDS', min: 0, description: 'Begun by this second of its source.' },
  low: { kind: 'number', placeholder: 'HZ', min: 0, description: 'Reaches over this frequency.' },
  high: { kind: 'number', placeholder: 'HZ', min: 0, description: 'Reaches under this frequency.' },
  confidence: {
    kind: 'number',
    placeholder: 'SHARE',
    min: 0,
    max: 1,
    description: 'At least this confidence.',
  },
  since: {
    kind: 'text',
    placeholder: 'TIME',
    description: 'Stored at or after, for example 2026-11-23 or 2026-11-23T08:00.',
  },
  until: { kind: 'text', placeholder: 'TIME', description: 'Stored at or before.' },
} as const;

/** @throws {UsageError} a time that cannot be read, or a range that is the wrong way round. */
export function criteriaOf(given: OptionValues<typeof criteriaOptions>): PatternQuery {
  const since = timeOf('--since', given.since);
  const until = timeOf('--until', given.until);
  return {
    ...(given.label === undefined ? {} : { label: given.label }),
    ...(given.type === undefined ? {} : { type: given.type }),
    ...(given.source === undefined ? {} : { sourceId: given.source }),
    ...(given.tag.length === 0 ? {} : { tags: given.tag }),
    ...(given.confidence === undefined ? {} : { confidenceThreshold: given.confidence }),
    ...range('timeRange', given.from, given.to, '--from', '--to'),
    ...range('frequencyRange', given.low, given.high, '--low', '--high'),
    ...range('createdAt', since, until, '--since', '--until'),
  };
}

function range(
  key: 'timeRange' | 'frequencyRange' | 'createdAt',
  min: number | undefined,
  max: number | undefined,
  low: string,
  high: string,
): PatternQuery {
  if (min === undefined && max === undefined) return {};
  if (min !== undefined && max !== undefined && min > max)
    throw new UsageError(`${low} must not be over ${high}`);
  return { [key]: { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) } };
}

/** ISO 8601. `Date.parse` alone takes 5.11.2026 for the 11th of May. */
const timeForm = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;

function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const day = timeForm.exec(text)?.[1];
  const time = day === undefined ? Number.NaN : Date.parse(text);
  // The 31st of a short month would slip into the next one.
  if (Number.isNaN(time) || !new Date(day!).toISOString().startsWith(day!))
    throw new UsageError(`${name} must be a time such as 2026-11-23T08:00, not "${text}"`);
  return time;
}
