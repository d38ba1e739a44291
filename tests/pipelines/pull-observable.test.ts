import {
  bufferCount,
  concatMap,
  filter,
  from,
  lastValueFrom,
  map,
  mergeMap,
  type Observable,
  of,
  share,
  take,
  takeUntil,
  timer,
  toArray,
} from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { PullObservable } from '../../src/pipelines/pull-observable.ts';
import { turn } from './sounds.ts';

/** Numbers from 0, with a count of those made and of the sessions that are open. */
class Numbers {
  made = 0;
  open = 0;
  readonly #count: number;
  constructor(count: number) {
    this.#count = count;
  }
  readonly values = new PullObservable<number>((signal) => this.#session(signal));
  async *#session(signal: AbortSignal): AsyncGenerator<number, void, undefined> {
    this.open++;
    try {
      for (let n = 0; n < this.#count && !signal.aborted; n++) {
        this.made++;
        await turn();
        yield n;
      }
    } finally {
      this.open--;
    }
  }
}

const pull = <T>(observable: Observable<T>) => observable as PullObservable<T>;

let numbers: Numbers;
afterEach(() => expect.poll(() => numbers.open).toBe(0));

describe('PullObservable', () => {
  it('makes values only as they are used, through RxJS operators too', async () => {
    numbers = new Numbers(100);
    const fourths = numbers.values.pipe(
      map((n) => 2 * n),
      filter((n) => n % 8 === 0),
    );
    const read: number[] = [];
    for await (const n of pull(fourths)) {
      for (let i = 0; i < 20; i++) await turn();
      // One more may be under way at each of the three steps.
      expect(numbers.made).toBeLessThanOrEqual(4 * read.length + 9);
      read.push(n);
    }
    expect(read).toEqual(Array.from({ length: 25 }, (_, i) => 8 * i));
  });

  it('ends its source when the reader has enough', async () => {
    numbers = new Numbers(1e6);
    expect(await lastValueFrom(numbers.values.pipe(take(3), toArray()))).toEqual([0, 1, 2]);
    await expect.poll(() => numbers.open).toBe(0);
    for await (const n of numbers.values) if (n === 5) break;
    await expect.poll(() => numbers.open).toBe(0);
    expect(numbers.made).toBeLessThan(20);
  });

  it('ends its source when it is unsubscribed, or a notifier says so', async () => {
    numbers = new Numbers(1e6);
    const subscription = numbers.values.pipe(map((n) => n)).subscribe();
    await turn();
    subscription.unsubscribe();
    await expect.poll(() => numbers.open).toBe(0);
    await lastValueFrom(numbers.values.pipe(takeUntil(timer(5)), toArray()));
  });

  it('loses nothing through operators that wait, gather or multiply', async () => {
    numbers = new Numbers(50);
    const all = Array.from({ length: 50 }, (_, i) => i);
    const merged = numbers.values.pipe(
      mergeMap((n) => timer(n % 3).pipe(map(() => n))),
      toArray(),
    );
    expect((await lastValueFrom(merged)).toSorted((a, b) => a - b)).toEqual(all);
    const buffered = numbers.values.pipe(
      bufferCount(7),
      concatMap((seven) => from(seven)),
      toArray(),
    );
    expect(await lastValueFrom(buffered)).toEqual(all);
    const doubled = numbers.values.pipe(
      concatMap((n) => of(n, n)),
      toArray(),
    );
    expect(await lastValueFrom(doubled)).toEqual(all.flatMap((n) => [n, n]));
  });

  it('can be shared, and goes on until the last one has left', async () => {
    numbers = new Numbers(30);
    const shared = numbers.values.pipe(share());
    const few = lastValueFrom(shared.pipe(take(5), toArray()));
    const all = lastValueFrom(shared.pipe(toArray()));
    expect(await few).toEqual([0, 1, 2, 3, 4]);
    expect(await all).toHaveLength(30);
    expect(numbers.made).toBe(30);
  });

  it('hands errors on', async () => {
    numbers = new Numbers(0);
    const failing = new PullObservable<number>(async function* () {
      yield 1;
      throw new Error('broken');
    });
    await expect(lastValueFrom(failing)).rejects.toThrow('broken');
    const read: number[] = [];
    const reading = (async () => {
      for await (const n of pull(failing.pipe(map((value) => value)))) read.push(n);
    })();
    await expect(reading).rejects.toThrow('broken');
    expect(read).toEqual([1]);
  });
});
