import { expect, it, onTestFinished, vi } from 'vitest';
import { checkQuery } from '../../src/storage/checked-query.ts';
import { firstMatches, matchesRow } from '../../src/storage/column-query.ts';
import { blockRows, type ColumnRow, PatternColumns } from '../../src/storage/pattern-columns.ts';

function row(number: number, more: Partial<ColumnRow> = {}): ColumnRow {
  return {
    id: `p${number}`,
    type: 'sound',
    sourceId: 'microphone',
    label: undefined,
    refused: [],
    tags: [],
    startTime: number,
    endTime: number,
    low: 0,
    high: 1,
    confidence: 1,
    createdAt: number,
    sequence: 1,
    ...more,
  };
}

it('a page ends where it was found to end, also when its last pattern goes while others are looked at', async () => {
  const columns = new PatternColumns();
  for (let n = 0; n < 3; n++) columns.set(n, row(n));
  columns.set(blockRows, row(9));
  // Each look at the clock is a slow computer's turn.
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000));
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const finding = firstMatches(columns, checkQuery({ sortBy: 'startTime' }), 2);
  await new Promise(setImmediate);
  columns.set(1, row(99, { id: 'another one in the same slot' }));
  expect((await finding).at(-1)).toEqual({ slot: 1, key: 1, id: 'p1' });
});

it('one row is compared with a tag in the same time, however many sets of tags have it', () => {
  const columns = new PatternColumns();
  const many = 20_000;
  for (let n = 0; n < many; n++) columns.set(n, row(n, { tags: ['night', `hour ${n}`], refused: [`x${n}`] }));
  const queries = [{ tags: ['night'] }, { tags: ['hour 7', 'night'] }, { notLabel: 'x7' }].map(checkQuery);
  const started = process.cpuUsage();
  for (const query of queries) for (let n = 0; n < 1000; n++) matchesRow(columns, query, n);
  const { user, system } = process.cpuUsage(started);
  // By looking at every set it would be seconds.
  expect(user + system).toBeLessThan(500_000);
  expect(queries.map((query) => [7, 8].map((slot) => matchesRow(columns, query, slot)))).toEqual([
    [true, true],
    [true, false],
    [true, false],
  ]);
});
