import type { NumberRange, PatternQuery } from '../pattern.ts';

/** What to list: a query of the memory, and whether only sounds without a label are meant. */
export interface SoundSearch {
  query: PatternQuery;
  unlabelled: boolean;
}

export type SearchResult =
  | ({ ok: true } & SoundSearch)
  | {
      ok: false;
      /** The word that was not understood. */
      word: string;
      /** What it should have been: the key of a text in the sidebar's locale. */
      problem: 'unknown-word' | 'bad-number' | 'bad-range' | 'bad-time' | 'bad-sort' | 'bad-is';
    };

const sortable = ['createdAt', 'startTime', 'endTime', 'confidence', 'id'] as const;

/**
 * Reads what people type into the search field: words that must all hold.
 *
 *     doorbell   label:"front door"   is:unlabelled   source:kitchen   tag:night   type:sound
 *     confidence:0.8   frequency:200..4000   time:10..20   heard:today   heard:24h   heard:2026-11-20..2026-11-22
 *     sort:confidence   sort:-startTime
 *
 * `now` is in milliseconds since 1970; days begin at midnight, local time.
 */
export function parseSearch(text: string, now: number): SearchResult {
  const query: PatternQuery = {};
  let unlabelled = false;
  for (const { text: word, key, value } of words(text)) {
    const fail = (problem: (SearchResult & { ok: false })['problem']): SearchResult => ({
      ok: false,
      word,
      problem,
    });
    if (value === '') return fail('unknown-word');
    switch (key) {
      case 'label':
        query.label = value;
        break;
      case 'source':
        query.sourceId = value;
        break;
      case 'type':
        query.type = value;
        break;
      case 'tag':
        query.tags = [...(query.tags ?? []), value];
        break;
      case 'is':
        if (value !== 'unlabelled') return fail('bad-is');
        unlabelled = true;
        break;
      case 'confidence': {
        const number = Number(value);
        if (!(number >= 0 && number <= 1)) return fail('bad-number');
        query.confidenceThreshold = number;
        break;
      }
      case 'frequency':
      case 'time': {
        const range = numberRange(value);
        if (!range) return fail('bad-range');
        query[key === 'time' ? 'timeRange' : 'frequencyRange'] = range;
        break;
      }
      case 'heard': {
        const range = timeRange(value, now);
        if (!range) return fail('bad-time');
        query.createdAt = range;
        break;
      }
      case 'sort': {
        const by = sortable.find((name) => name.toLowerCase() === value.replace(/^[-+]/, '').toLowerCase());
        if (!by) return fail('bad-sort');
        query.sortBy = by;
        if (/^[-+]/.test(value)) query.sortDirection = value.startsWith('-') ? 'desc' : 'asc';
        break;
      }
      default:
        return fail('unknown-word');
    }
  }
  return { ok: true, query, unlabelled };
}

/** The text that `parseSearch` reads as this value of this key. */
export function searchWord(key: 'label' | 'source' | 'tag' | 'type', value: string): string {
  return /[\s":\\]/.test(value) ? `${key}:"${value.replaceAll(/["\\]/g, '\\$&')}"` : `${key}:${value}`;
}

/** Blanks part words, but not within quotes; the quotes go, and within them a backslash makes the next sign plain. */
function words(text: string): { text: string; key: string; value: string }[] {
  const found: { text: string; key: string; value: string }[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at] as string)) {
      at++;
      continue;
    }
    const start = at;
    let key: string | undefined;
    let value = '';
    let quoted = false;
    for (; at < text.length && (quoted || !/\s/.test(text[at] as string)); at++) {
      const sign = text[at] as string;
      if (sign === '"') quoted = !quoted;
      else if (quoted && sign === '\\' && at + 1 < text.length) value += text[++at];
      else if (!quoted && sign === ':' && key === undefined && /^\w+$/.test(value) && text[start] !== '"') {
        key = value.toLowerCase();
        value = '';
      } else value += sign;
    }
    found.push({ text: text.slice(start, at), key: key ?? 'label', value });
  }
  return found;
}

function numberRange(value: string): NumberRange | undefined {
  const parts = /^(\d*\.?\d*)\.\.(\d*\.?\d*)$/.exec(value);
  if (!parts || (parts[1] === '' && parts[2] === '')) return undefined;
  const range: NumberRange = {};
  if (parts[1] !== '') range.min = Number(parts[1]);
  if (parts[2] !== '') range.max = Number(parts[2]);
  if (Object.values(range).some((side) => !Number.isFinite(side))) return undefined;
  return (range.min ?? 0) <= (range.max ?? Number.POSITIVE_INFINITY) ? range : undefined;
}

const spans: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

function timeRange(value: string, now: number): NumberRange | undefined {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (value === 'today') return { min: midnight };
  if (value === 'yesterday') return { min: new Date(midnight - 1).setHours(0, 0, 0, 0), max: midnight - 1 };
  const span = /^(\d{1,6})([mhdw])$/.exec(value);
  if (span) return { min: now - Number(span[1]) * (spans[span[2] as string] as number) };
  const [from = '', to = from, ...more] = value.split('..');
  if (more.length > 0 || (from === '' && to === '')) return undefined;
  const range: NumberRange = {};
  if (from !== '') {
    const start = day(from);
    if (start === undefined) return undefined;
    range.min = start.getTime();
  }
  if (to !== '') {
    const end = day(to);
    if (end === undefined) return undefined;
    end.setDate(end.getDate() + 1);
    range.max = end.getTime() - 1;
  }
  return (range.min ?? 0) <= (range.max ?? Number.POSITIVE_INFINITY) ? range : undefined;
}

/** Midnight, local time, at the start of a day written as 2026-11-23. */
function day(text: string): Date | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!parts) return undefined;
  const [year, month, date] = parts.slice(1).map(Number) as [number, number, number];
  const made = new Date(year, month - 1, date);
  // The 31st of a short month would slip into the next one.
  return made.getMonth() === month - 1 && made.getDate() === date ? made : undefined;
}
