import type { NumberRange, PatternQuery } from '../pattern.ts';
import { StorageError } from './storage-error.ts';

export type SortKey = NonNullable<PatternQuery['sortBy']>;

/** A query whose every part was looked at; open sides of ranges are infinite. */
export interface CheckedQuery {
  type: string | undefined;
  sourceId: string | undefined;
  label: string | undefined;
  notLabel: string | undefined;
  tags: readonly string[];
  time: Range | undefined;
  frequency: Range | undefined;
  created: Range | undefined;
  confidence: number | undefined;
  sortBy: SortKey;
  descending: boolean;
  limit: number | undefined;
}

export interface Range {
  min: number;
  max: number;
}

/** The names that a query may have. */
export const queryCriteria: ReadonlySet<string> = new Set([
  'type',
  'timeRange',
  'frequencyRange',
  'confidenceThreshold',
  'sourceId',
  'label',
  'notLabel',
  'tags',
  'createdAt',
  'sortBy',
  'sortDirection',
  'limit',
] satisfies (keyof PatternQuery)[]);
const sortKeys: readonly SortKey[] = ['createdAt', 'startTime', 'endTime', 'confidence', 'id'];

/** A misspelt criterion would match everything, so unknown ones are refused. */
export function checkQuery(query: unknown): CheckedQuery {
  if (typeof query !== 'object' || query === null || Array.isArray(query)) {
    throw new StorageError(
      'INVALID_ARGUMENT',
      'A query is an object of criteria, for example {type: "speech"}.',
    );
  }
  const given = query as PatternQuery;
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && !queryCriteria.has(name)) {
      throw new StorageError(
        'INVALID_ARGUMENT',
        `"${name.slice(0, 60)}" is not a criterion: use ${[...queryCriteria].join(', ')}.`,
      );
    }
  }
  const sortBy = given.sortBy ?? 'createdAt';
  if (!sortKeys.includes(sortBy)) {
    throw new StorageError('INVALID_ARGUMENT', `sortBy must be one of ${sortKeys.join(', ')}.`);
  }
  const direction =
    given.sortDirection ?? (sortBy === 'createdAt' || sortBy === 'confidence' ? 'desc' : 'asc');
  if (direction !== 'asc' && direction !== 'desc') {
    throw new StorageError('INVALID_ARGUMENT', 'sortDirection must be asc or desc.');
  }
  return {
    type: optionalText('type', given.type),
    sourceId: optionalText('sourceId', given.sourceId),
    label: optionalText('label', given.label),
    notLabel: optionalText('notLabel', given.notLabel),
    tags: checkTags(given.tags),
    time: checkRange('timeRange', given.timeRange),
    frequency: checkRange('frequencyRange', given.frequencyRange),
    created: checkRange('createdAt', given.createdAt),
    confidence: checkConfidence(given.confidenceThreshold),
    sortBy,
    descending: direction === 'desc',
    limit: given.limit === undefined ? undefined : checkCount('limit', given.limit),
  };
}

/** A whole number that asks for so many results. */
export function checkCount(name: string, value: unknown, highest = 1_000_000_000): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > highest) {
    throw new StorageError('INVALID_ARGUMENT', `${name} must be a whole number from 0 to ${highest}.`);
  }
  return value as number;
}

function optionalText(name: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw new StorageError('INVALID_ARGUMENT', `${name} must be a string.`);
}

function checkTags(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > 64 || value.some((tag) => typeof tag !== 'string')) {
    throw new StorageError('INVALID_ARGUMENT', 'tags must be an array of at most 64 strings.');
  }
  return value as string[];
}

function checkConfidence(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw new StorageError('INVALID_ARGUMENT', 'confidenceThreshold must be a number from 0 to 1.');
  }
  return value;
}

function checkRange(name: string, value: unknown): Range | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null) {
    throw new StorageError('INVALID_ARGUMENT', `${name} must be an object {min, max}; either may be absent.`);
  }
  const { min = -Infinity, max = Infinity } = value as NumberRange;
  if (typeof min !== 'number' || typeof max !== 'number' || Number.isNaN(min) || Number.isNaN(max)) {
    throw new StorageError('INVALID_ARGUMENT', `${name}.min and ${name}.max must be numbers.`);
  }
  if (min > max) {
    throw new StorageError(
      'INVALID_ARGUMENT',
      `${name}.min (${min}) is above ${name}.max (${max}): swap them.`,
    );
  }
  return { min, max };
}
