import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, type Overflow } from '../../src/audio/bounded-queue.ts';
import { collect } from './signals.ts';

interface Item {
  n: number;
  afterLoss?: boolean;
}

function queue(overflow: Overflow, capacity: number) {
  const dropped: number[] = [];
  const items = new BoundedQueue<Item>({
    capacity,
    overflow,
    onDrop: ({ n }) => dropped.push(n),
    markLoss: (item) => ({ ...item, afterLoss: true }),
  });
  return { items, dropped };
}

describe('BoundedQueue', () => {
  it('keeps the newest and marks the first after the loss', async () => {
    const { items, dropped } = queue('dropOldest', 2);
    for (let n = 0; n < 5; n++) items.push({ n });
    items.end();
    expect(await collect(items)).toEqual([{ n: 3, afterLoss: true }, { n: 4 }]);
    expect(dropped).toEqual([0, 1, 2]);
  });

  it('keeps the oldest and marks the first that comes after the loss', async () => {
    const { items, dropped } = queue('dropNewest', 2);
    for (let n = 0; n < 4; n++) items.push({ n });
    expect(await items.takeAll()).toEqual([{ n: 0 }, { n: 1 }]);
    items.push({ n: 4 });
    items.end();
    expect(await collect(items)).toEqual([{ n: 4, afterLoss: true }]);
    expect(dropped).toEqual([2, 3]);
  });

  it('gives what waits and then fails, where that was asked for', async () => {
    const { items } = queue('error', 2);
    for (let n = 0; n < 5; n++) items.push({ n });
    expect(await items.takeAll()).toEqual([{ n: 0 }, { n: 1 }]);
    await expect(items.takeAll()).rejects.toMatchObject({ code: 'OVERFLOW' });
  });

  it('wakes a reader that waits', async () => {
    const { items } = queue('error', 2);
    const read = collect(items);
    await Promise.resolve();
    items.push({ n: 1 });
    items.end();
    expect(await read).toEqual([{ n: 1 }]);
  });

  it('lets nothing through after its end', async () => {
    const { items } = queue('error', 2);
    items.end();
    items.push({ n: 1 });
    expect(await collect(items)).toEqual([]);
  });

  it('loses nothing without saying so, never holds more than its capacity, and marks exactly the losses', async () => {
    const overflow = fc.constantFrom<Overflow>('dropOldest', 'dropNewest');
    const steps = fc.array(fc.integer({ min: -3, max: 5 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(overflow, fc.integer({ min: 1, max: 6 }), steps, async (policy, capacity, pattern) => {
        const { items, dropped } = queue(policy, capacity);
        const read: Item[] = [];
        let n = 0;
        for (const step of pattern) {
          for (let i = 0; i < step; i++) items.push({ n: n++ });
          expect(items.length).toBeLessThanOrEqual(capacity);
          if (step < 0 && items.length > 0) read.push(...(await items.takeAll(-step)));
        }
        items.end();
        read.push(...(await collect(items)));
        const all = [...read.map((item) => item.n), ...dropped].toSorted((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: n }, (_, i) => i));
        for (const [i, item] of read.entries()) {
          const before = i === 0 ? -1 : read[i - 1]!.n;
          expect(item.n).toBeGreaterThan(before);
          expect(item.afterLoss ?? false).toBe(item.n !== before + 1);
        }
      }),
      { numRuns: 200 },
    );
  });
});
