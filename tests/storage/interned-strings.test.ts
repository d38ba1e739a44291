import { expect, it } from 'vitest';
import { InternedStrings } from '../../src/storage/interned-strings.ts';

it('never gives one code to two strings, also where a saved row claims a code whose string was gone', () => {
  const strings = new InternedStrings();
  // As the columns' file has it when the last "bell" was relabelled between a row's writing and the table's.
  strings.restore([null, 'door', null]);
  strings.claim(1);
  strings.claim(2);
  strings.sweep();
  // The row is read again, since it changed.
  strings.release(2);
  const codes = ['horn', 'bell', 'alarm'].map((label) => strings.acquire(label));
  expect(new Set([1, ...codes]).size).toBe(4);
  expect(strings.counts()).toEqual(
    new Map([
      ['door', 1],
      ['horn', 1],
      ['bell', 1],
      ['alarm', 1],
    ]),
  );
});
