import { map, type Observable, of } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { AudioWindow, PcmChunk } from '../../src/audio/pcm.ts';
import { framePcm } from '../../src/pipelines/frame-pcm.ts';
import { PullObservable } from '../../src/pipelines/pull-observable.ts';
import { marbles } from './marbles.ts';

const chunk = (firstSample: number, length: number, gap = false): PcmChunk => ({
  samples: new Float32Array(length),
  sampleRate: 1000,
  firstSample,
  gap,
});

/** A window as `firstSample`, with `!` after a gap. */
const spelt = (window: AudioWindow) => `${window.firstSample}${window.gap ? '!' : ''}`;

describe('framePcm', () => {
  it('gives each window at the moment that completes it, and the rest at the end', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold('a-b---c-|', { a: chunk(0, 15), b: chunk(15, 15), c: chunk(30, 5) });
      const windows = source.pipe(framePcm({ windowMs: 10 }), map(spelt));
      expectObservable(windows).toBe('p-(qr)--(s|)', { p: '0', q: '10', r: '20', s: '30' });
    });
  });

  it('ends the window before a gap and starts the next after it', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold('a-b-----|', { a: chunk(0, 5), b: chunk(100, 10, true) });
      expectObservable(source.pipe(framePcm({ windowMs: 10 }), map(spelt))).toBe('--(pq)--|', {
        p: '0',
        q: '100!',
      });
    });
  });

  it('hands errors on and lets go of its source', () => {
    marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
      const failing = cold('a-#', { a: chunk(0, 15) });
      expectObservable(failing.pipe(framePcm({ windowMs: 10 }), map(spelt))).toBe('p-#', { p: '0' });
      const endless = hot('a-b-a-b', { a: chunk(0, 1), b: chunk(1, 1) });
      expectObservable(endless.pipe(framePcm({ windowMs: 10 })), '---!').toBe('----');
      expectSubscriptions(endless.subscriptions).toBe('^--!');
    });
  });

  it('keeps a window of its own for each subscriber', () => {
    marbles(({ cold, expectObservable }) => {
      const windows = cold('a-b|', { a: chunk(0, 5), b: chunk(5, 5) }).pipe(
        framePcm({ windowMs: 10 }),
        map(spelt),
      );
      expectObservable(windows).toBe('--p|', { p: '0' });
      expectObservable(windows, '-^').toBe('---p|', { p: '0' });
    });
  });

  it('keeps a pull source a pull source', () => {
    const source = new PullObservable<PcmChunk>(async function* () {});
    expect(source.pipe(framePcm({ windowMs: 10 }))).toBeInstanceOf(PullObservable);
  });

  it('says at once which option is wrong', () => {
    expect(() => framePcm({ windowMs: 0 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('has the types of chunks and windows', () => {
    expectTypeOf(of(chunk(0, 1)).pipe(framePcm({ windowMs: 10 }))).toEqualTypeOf<Observable<AudioWindow>>();
    // @ts-expect-error a window is not a chunk that can be framed
    of({ seq: 1 }).pipe(framePcm({ windowMs: 10 }));
  });
});
