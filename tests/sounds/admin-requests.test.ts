import { describe, expect, test } from 'vitest';
import {
  readIds,
  readLabel,
  readSearch,
  readSelection,
  readWholeNumber,
} from '../../nodes/earmark-memory/admin-requests.ts';

describe('requests to the admin routes', () => {
  test.each([
    ['a criterion that there is not', () => readSearch('{"limit":100000}', undefined)],
    ['__proto__', () => readSearch('{"__proto__":{"label":"x"}}', undefined)],
    ['no JSON', () => readSearch('{', undefined)],
    ['a list for an object', () => readSearch('[]', undefined)],
    ['a long query', () => readSearch(JSON.stringify({ label: 'x'.repeat(5000) }), undefined)],
    ['no sounds', () => readSelection({ ids: [] }, 10)],
    ['too many sounds', () => readSelection({ ids: Array.from({ length: 11 }, String) }, 10)],
    [
      'too many rows',
      () => readSelection({ rows: Array.from({ length: 11 }, (_, i) => i), generation: 1 }, 10),
    ],
    ['an id that is no text', () => readIds([1], 10)],
    ['an endless id', () => readIds(['x'.repeat(513)], 10)],
    ['rows without a generation', () => readSelection({ rows: [1] }, 10)],
    ['half a row', () => readSelection({ rows: [1.5], generation: 1 }, 10)],
    ['a negative row', () => readSelection({ rows: [-1], generation: 1 }, 10)],
    ['no body', () => readSelection(undefined, 10)],
    ['a list for a body', () => readSelection([], 10)],
    ['a number for a label', () => readLabel(5)],
    ['a long label', () => readLabel('x'.repeat(201))],
    ['a control character', () => readLabel('door\u0007bell')],
    ['a negative number', () => readWholeNumber('-1', 'revision')],
    ['two numbers', () => readWholeNumber(['1', '2'], 'revision')],
  ])('%s is refused', (_name, read) => {
    expect(read).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });

  test('labels are tidied up', () => {
    expect(readLabel('  front \n door ')).toBe('front door');
    expect(readLabel('Glocke e\u0301')).toBe('Glocke é');
    expect(readLabel('   ')).toBeUndefined();
    expect(readLabel(null)).toBeUndefined();
  });

  test('a search is taken as it is', () => {
    expect(readSearch('{"label":"bell","sortBy":"id"}', 'true')).toEqual({
      query: { label: 'bell', sortBy: 'id' },
      unlabelled: true,
    });
    expect(readSearch(undefined, undefined)).toEqual({ query: {}, unlabelled: false });
  });

  test('an id given twice counts once', () => {
    expect(readIds(['a', 'b', 'a'], 10)).toEqual(['a', 'b']);
  });
});
