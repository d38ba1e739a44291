import type { PatternQuery } from '../../src/pattern.ts';
import { tidyLabel } from '../../src/sounds/naming.ts';
import type { SoundSearch } from '../../src/sounds/search-text.ts';
import type { SoundSelection } from '../../src/sounds/sound-answers.ts';
import { SoundError } from '../../src/sounds/sound-error.ts';
import { queryCriteria } from '../../src/storage/checked-query.ts';

const longestId = 512;
const longestLabel = 200;
const longestSearch = 4000;

/** The `query` and `unlabelled` of a URL; both may be missing. */
export function readSearch(query: unknown, unlabelled: unknown): SoundSearch {
  if (query === undefined) return { query: {}, unlabelled: unlabelled === 'true' };
  if (typeof query !== 'string' || query.length > longestSearch) throw invalid('query is too long.');
  const parsed = parseObject(query);
  // The memory checks the values. How many come is for the page to say, not for who asks.
  const unknown = Object.keys(parsed).find((name) => !queryCriteria.has(name) || name === 'limit');
  if (unknown !== undefined) throw invalid(`query has no criterion "${unknown.slice(0, 40)}".`);
  return { query: parsed as PatternQuery, unlabelled: unlabelled === 'true' };
}

/** `ids`, or `rows` with the `generation` of the map that they were read from. */
export function readSelection(body: unknown, most: number): SoundSelection {
  const { ids, rows, generation } = bodyObject(body);
  if (ids !== undefined) return { ids: readIds(ids, most) };
  if (!Array.isArray(rows) || rows.length === 0 || rows.length > most) {
    throw invalid(`ids or rows must be a list of 1 to ${most} sounds.`);
  }
  if (!rows.every((row) => Number.isInteger(row) && row >= 0)) throw invalid('rows must be whole numbers.');
  if (typeof generation !== 'number') throw invalid('generation must be the number that came with the map.');
  return { rows: rows as number[], generation };
}

export function readIds(ids: unknown, most: number): string[] {
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > most) {
    throw invalid(`ids must be a list of 1 to ${most} sounds.`);
  }
  for (const id of ids) {
    if (typeof id !== 'string' || id === '' || id.length > longestId) throw invalid('ids must be texts.');
  }
  return [...new Set(ids as string[])];
}

/** A label as people type it; nothing or blanks mean "no label". */
export function readLabel(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'string') throw invalid('label must be a text.');
  const label = tidyLabel(value);
  if (label.length > longestLabel) throw invalid(`A label has at most ${longestLabel} characters.`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(label)) throw invalid('A label cannot contain control characters.');
  return label === '' ? undefined : label;
}

export function readWholeNumber(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value))
    throw invalid(`${name} must be a whole number.`);
  return Number(value);
}

export function bodyObject(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid('The request must carry a JSON object.');
  }
  return body as Record<string, unknown>;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return bodyObject(JSON.parse(text));
  } catch {
    throw invalid('query must be a JSON object.');
  }
}

function invalid(message: string): SoundError {
  return new SoundError('INVALID', message);
}
