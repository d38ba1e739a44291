import fc from 'fast-check';
import {
  firstValueFrom,
  from,
  lastValueFrom,
  NEVER,
  type Observable,
  of,
  Subject,
  take,
  toArray,
} from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { AudioWindow, SoundSegment } from '../../src/audio/pcm.ts';
import type { EmbeddedSound, Outcome } from '../../src/pipelines/embedded-sound.ts';
import { extractFeatures } from '../../src/pipelines/extract-features.ts';
import { PullObservable } from '../../src/pipelines/pull-observable.ts';
import { DoubleBridge, windowsOf } from './doubles.ts';

const pulled = (windows: readonly AudioWindow[]) =>
  new PullObservable<AudioWindow>(async function* () {
    yield* windows;
  });
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('extractFeatures', () => {
  it('gives one outcome for each window, in order, whatever fails', async () => {
    const bridge = new DoubleBridge();
    bridge.failing.add(2);
    const outcomes = await lastValueFrom(pulled(windowsOf(5)).pipe(extractFeatures(bridge), toArray()));
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false, true, true]);
    expect(outcomes[2]).toMatchObject({
      error: { code: 'MODEL_FAILED' },
      window: { seq: 2, firstSample: 1600 },
    });
    expect(outcomes[4]).toMatchObject({ value: { seq: 4, startTime: 0.2, endTime: 0.25 } });
  });

  it('ends with the error where asked', async () => {
    const bridge = new DoubleBridge();
    bridge.failing.add(2);
    const outcomes = pulled(windowsOf(5)).pipe(extractFeatures(bridge, { errors: 'throw' }), toArray());
    await expect(lastValueFrom(outcomes)).rejects.toMatchObject({ code: 'MODEL_FAILED' });
  });

  it('carries what was measured of a segment, and measures a window', async () => {
    const [window] = windowsOf(1);
    const segment: SoundSegment = {
      ...window!,
      soundStart: 200,
      soundEnd: 600,
      frequencyRange: { low: 100, high: 200 },
      level: -20,
      overBackground: 15,
      cut: false,
      sourceId: 'door',
      startedAt: 5,
    };
    const [first, second] = await lastValueFrom(
      pulled([segment, window!]).pipe(extractFeatures(new DoubleBridge(), { keepSamples: true }), toArray()),
    );
    expect(first).toMatchObject({
      value: {
        startTime: 0.0125,
        endTime: 0.0375,
        frequencyRange: { low: 100, high: 200 },
        overBackground: 15,
      },
    });
    expect(first).toMatchObject({ value: { sourceId: 'door', startedAt: 5, samples: window!.samples } });
    expect(second).toMatchObject({
      value: { frequencyRange: { low: expect.closeTo(250, -2) }, level: expect.closeTo(-3, 0) },
    });
  });

  it('pulls no more than the bridge has room for', async () => {
    const bridge = new DoubleBridge();
    const outcomes = pulled(windowsOf(100)).pipe(extractFeatures(bridge));
    let read = 0;
    for await (const _ of outcomes as PullObservable<Outcome<EmbeddedSound>>) {
      read++;
      await turn();
      expect(bridge.pulled).toBeLessThanOrEqual(read + bridge.room);
    }
    expect(read).toBe(100);
  });

  it('accepts windows whose numbers have holes, and gives them back', async () => {
    const windows = windowsOf(6).filter(({ seq }) => seq % 2 === 1);
    const outcomes = await lastValueFrom(
      pulled(windows).pipe(extractFeatures(new DoubleBridge()), toArray()),
    );
    expect(outcomes.map((outcome) => outcome.ok && outcome.value.seq)).toEqual([1, 3, 5]);
  });

  describe('over a source that pushes', () => {
    const slow = () => {
      const bridge = new DoubleBridge();
      bridge.room = 1;
      bridge.work = turn;
      return bridge;
    };

    it.each([0, Number.NaN, 1.5, 65_537])('refuses a buffer of %d', (buffer) => {
      expect(() => extractFeatures(slow(), { buffer })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    });

    it('fails when more waits than the buffer holds', async () => {
      const outcomes = from(windowsOf(20)).pipe(extractFeatures(slow(), { buffer: 8 }), toArray());
      await expect(lastValueFrom(outcomes)).rejects.toMatchObject({ code: 'OVERFLOW' });
    });

    it('drops the oldest where asked, counts them, and marks the gap', async () => {
      const drops: number[] = [];
      const options = {
        buffer: 8,
        overflow: 'dropOldest',
        onDrop: (all: number) => drops.push(all),
      } as const;
      const outcomes = await lastValueFrom(
        from(windowsOf(20)).pipe(extractFeatures(slow(), options), toArray()),
      );
      expect(outcomes.map((outcome) => outcome.ok && outcome.value.seq)).toEqual([
        12, 13, 14, 15, 16, 17, 18, 19,
      ]);
      expect(outcomes.map((outcome) => outcome.ok && outcome.value.gap)).toEqual([
        true,
        ...Array(7).fill(false),
      ]);
      expect(drops.at(-1)).toBe(12);
    });

    it('loses nothing but what it says, and keeps the order', async () => {
      const bursts = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(bursts, fc.integer({ min: 1, max: 6 }), async (sizes, buffer) => {
          const source = new Subject<AudioWindow>();
          let dropped = 0;
          const onDrop = (all: number) => {
            dropped = all;
          };
          const done = lastValueFrom(
            source.pipe(extractFeatures(slow(), { buffer, overflow: 'dropOldest', onDrop }), toArray()),
          );
          const windows = windowsOf(sizes.reduce((sum, size) => sum + size, 0));
          let next = 0;
          for (const size of sizes) {
            for (let i = 0; i < size; i++) source.next(windows[next++]!);
            await turn();
          }
          source.complete();
          const numbers = (await done).map((outcome) => (outcome.ok ? outcome.value.seq : -1));
          expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
          expect(numbers.length + dropped).toBe(windows.length);
        }),
        { numRuns: 40 },
      );
    });
  });

  it('is cold, with a session of its own for each subscriber, and lets go when it is unsubscribed', async () => {
    const bridge = new DoubleBridge();
    bridge.room = 1;
    bridge.work = turn;
    const outcomes = pulled(windowsOf(50)).pipe(extractFeatures(bridge));
    await turn();
    expect(bridge.sessions).toBe(0);
    const open = [outcomes.subscribe(), outcomes.subscribe()];
    await turn();
    expect(bridge.sessions).toBe(2);
    for (const subscription of open) subscription.unsubscribe();
    await expect.poll(() => bridge.sessions).toBe(0);
    await firstValueFrom(outcomes.pipe(take(1)));
    await expect.poll(() => bridge.sessions).toBe(0);
  });

  it('lets go of a source that never says anything', async () => {
    const bridge = new DoubleBridge();
    const subscription = (NEVER as Observable<AudioWindow>).pipe(extractFeatures(bridge)).subscribe();
    await turn();
    expect(bridge.sessions).toBe(1);
    subscription.unsubscribe();
    await expect.poll(() => bridge.sessions).toBe(0);
  });

  it('has the types of windows and outcomes', () => {
    const bridge = new DoubleBridge();
    expectTypeOf(of(windowsOf(1)[0]!).pipe(extractFeatures(bridge))).toEqualTypeOf<
      Observable<Outcome<EmbeddedSound>>
    >();
    // @ts-expect-error no such policy
    extractFeatures(bridge, { overflow: 'wait' });
  });
});
