import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSearch, searchWord } from '../../src/sounds/search-text.ts';

const now = new Date(2026, 10, 23, 15, 30).getTime();
const parse = (text: string) => parseSearch(text, now);

describe('parseSearch', () => {
  test.each([
    ['', {}],
    ['doorbell', { label: 'doorbell' }],
    ['"front door"', { label: 'front door' }],
    ['label:"front door" source:kitchen', { label: 'front door', sourceId: 'kitchen' }],
    ['source:/home/me/a:b.wav', { sourceId: '/home/me/a:b.wav' }],
    ['source:C:\\Sounds\\bell.wav', { sourceId: 'C:\\Sounds\\bell.wav' }],
    ['tag:night tag:loud type:sound', { tags: ['night', 'loud'], type: 'sound' }],
    ['confidence:0.8', { confidenceThreshold: 0.8 }],
    ['frequency:200..4000 time:..60', { frequencyRange: { min: 200, max: 4000 }, timeRange: { max: 60 } }],
    ['heard:24h', { createdAt: { min: now - 86_400_000 } }],
    ['heard:today', { createdAt: { min: new Date(2026, 10, 23).getTime() } }],
    [
      'heard:yesterday',
      { createdAt: { min: new Date(2026, 10, 22).getTime(), max: new Date(2026, 10, 23).getTime() - 1 } },
    ],
    [
      'heard:2026-11-20',
      { createdAt: { min: new Date(2026, 10, 20).getTime(), max: new Date(2026, 10, 21).getTime() - 1 } },
    ],
    ['heard:2026-11-20..', { createdAt: { min: new Date(2026, 10, 20).getTime() } }],
    ['sort:-starttime', { sortBy: 'startTime', sortDirection: 'desc' }],
  ])('%s', (text, query) => {
    expect(parse(text)).toEqual({ ok: true, query, unlabelled: false });
  });

  test('is:unlabelled goes with everything', () => {
    expect(parse('is:unlabelled source:kitchen')).toEqual({
      ok: true,
      query: { sourceId: 'kitchen' },
      unlabelled: true,
    });
  });

  test.each([
    ['colour:red', 'unknown-word'],
    ['label:', 'unknown-word'],
    ['confidence:2', 'bad-number'],
    ['confidence:high', 'bad-number'],
    ['frequency:4000..200', 'bad-range'],
    ['frequency:..', 'bad-range'],
    ['heard:2026-02-30', 'bad-time'],
    ['heard:soon', 'bad-time'],
    ['heard:2026-11-22..2026-11-20', 'bad-time'],
    ['sort:colour', 'bad-sort'],
    ['is:loud', 'bad-is'],
  ])('%s is explained', (text, problem) => {
    expect(parse(text)).toMatchObject({ ok: false, word: text, problem });
  });

  test('reads back every label that it writes', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (label) => {
        expect(parse(searchWord('label', label))).toEqual({ ok: true, query: { label }, unlabelled: false });
      }),
      { numRuns: 300 },
    );
  });

  test('takes any text without throwing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void parse(text)),
      { numRuns: 300 },
    );
  });
});
