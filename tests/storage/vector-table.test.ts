import { expect, test } from 'vitest';
import { VectorTable } from '../../src/storage/vector-table.ts';

const dimensions = 8;
const east = Float32Array.from({ length: dimensions }, (_, i) => (i === 0 ? 1 : 0));

/** At this angle from east, in one of the other directions. */
function turned(degrees: number, direction: number): Float32Array {
  const vector = new Float32Array(dimensions);
  vector[0] = Math.cos((degrees * Math.PI) / 180);
  vector[1 + (direction % (dimensions - 1))] = Math.sin((degrees * Math.PI) / 180);
  return vector;
}

test.each(['cosine', 'euclidean', 'dot'] as const)(
  'finds wanted rows behind many nearer unwanted ones (%s)',
  (metric) => {
    const table = new VectorTable(dimensions, metric);
    // The first 2,000 lie nearer than all that is asked for; of the others every second one is asked for.
    for (let slot = 0; slot < 4_000; slot++) {
      const degrees = slot < 2_000 ? slot / 100 : 21 + (slot - 2_000) / 30;
      table.set(slot, turned(degrees, slot), 1);
    }
    const asked = Uint32Array.from({ length: 1_000 }, (_, n) => 2_000 + 2 * n);
    const found = table.nearest(east, 10, asked).slots;
    const few = table.nearest(east, 10, asked.slice(0, 100)).slots;
    // Int8 may swap rows that are a fifteenth of a degree apart, no more.
    expect(found.every((slot) => slot >= 2_000 && slot < 2_000 + 40 && slot % 2 === 0)).toBe(true);
    expect(found).toEqual(few);
  },
);

test('what is not in the table is passed over', () => {
  const table = new VectorTable(dimensions, 'cosine');
  expect(table.nearest(east, 10, Uint32Array.of(0, 5_000))).toEqual({ slots: [], distances: [] });
  table.set(3, turned(10, 0), 1);
  table.set(4, turned(20, 0), 1);
  expect(table.nearest(east, 10, Uint32Array.of(0, 3, 5_000)).slots).toEqual([3]);
});
