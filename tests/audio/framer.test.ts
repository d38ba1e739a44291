import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Framer, type FramerOptions } from '../../src/audio/framer.ts';
import type { AudioWindow, PcmChunk } from '../../src/audio/pcm.ts';

/** Samples that tell their own position: sample `i` of the source is `i`. */
function chunk(firstSample: number, length: number, more: Partial<PcmChunk> = {}): PcmChunk {
  const samples = Float32Array.from({ length }, (_, i) => firstSample + i);
  return { samples, sampleRate: 1000, firstSample, gap: false, ...more };
}

function frame(chunks: readonly PcmChunk[], options: FramerOptions): AudioWindow[] {
  const framer = new Framer(options);
  return [...chunks.flatMap((each) => framer.push(each)), ...framer.flush()];
}

const spans = (windows: readonly AudioWindow[]) =>
  windows.map(({ seq, firstSample, samples, gap }) => [seq, firstSample, samples.length, gap]);

describe('Framer', () => {
  it('cuts windows and fills the last one up with zeros', () => {
    const windows = frame([chunk(0, 25)], { windowMs: 10 });
    expect(spans(windows)).toEqual([
      [0, 0, 10, false],
      [1, 10, 10, false],
      [2, 20, 10, false],
    ]);
    expect([...windows[2]!.samples]).toEqual([20, 21, 22, 23, 24, 0, 0, 0, 0, 0]);
  });

  it('leaves the rest out where asked', () => {
    expect(frame([chunk(0, 25)], { windowMs: 10, tail: 'drop' }).length).toBe(2);
  });

  it('makes no last window of samples that an earlier one held', () => {
    expect(spans(frame([chunk(0, 30)], { windowMs: 20, hopMs: 10 }))).toEqual([
      [0, 0, 20, false],
      [1, 10, 20, false],
    ]);
    expect(frame([chunk(0, 31)], { windowMs: 20, hopMs: 10 }).length).toBe(3);
  });

  it('tells the time by the clock as the latest chunk does', () => {
    const chunks = [chunk(0, 10, { startedAt: 1000 }), chunk(10, 10, { startedAt: 5000 })];
    expect(frame(chunks, { windowMs: 10 }).map(({ startedAt }) => startedAt)).toEqual([1000, 5000]);
  });

  it('joins nothing across a gap', () => {
    const windows = frame([chunk(0, 15), chunk(100, 15, { gap: true })], { windowMs: 10 });
    expect(spans(windows)).toEqual([
      [0, 0, 10, false],
      [1, 10, 10, false],
      [2, 100, 10, true],
      [3, 110, 10, false],
    ]);
  });

  it('sees a gap that nobody marked', () => {
    expect(frame([chunk(0, 10), chunk(12, 10)], { windowMs: 10 }).map(({ gap }) => gap)).toEqual([
      false,
      true,
    ]);
  });

  it('starts anew, without a gap, with another source', () => {
    const files = [chunk(0, 15, { sourceId: 'a' }), chunk(0, 10, { sourceId: 'b' })];
    const windows = frame(files, { windowMs: 10 });
    expect(windows.map(({ sourceId, firstSample, gap, seq }) => [sourceId, firstSample, gap, seq])).toEqual([
      ['a', 0, false, 0],
      ['a', 10, false, 1],
      ['b', 0, false, 2],
    ]);
  });

  it('loses nothing, keeps the order, and repeats only the overlap, however the audio is cut', () => {
    const pieces = fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        pieces,
        fc.integer({ min: 10, max: 60 }),
        fc.integer({ min: 10, max: 60 }),
        (lengths, windowMs, hop) => {
          const hopMs = Math.min(hop, windowMs);
          let at = 0;
          const chunks = lengths.map((length) => {
            at += length;
            return chunk(at - length, length);
          });
          const windows = frame(chunks, { windowMs, hopMs });
          const seen = new Set<number>();
          for (const [i, window] of windows.entries()) {
            expect(window).toMatchObject({ seq: i, firstSample: i * hopMs, gap: false });
            expect(window.samples.length).toBe(windowMs);
            for (const [k, sample] of window.samples.entries()) {
              const position = window.firstSample + k;
              expect(sample).toBe(position < at ? position : 0);
              if (position < at) seen.add(position);
            }
          }
          expect(seen.size).toBe(at);
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each([{ windowMs: 9 }, { windowMs: 600_001 }, { windowMs: Number.NaN }, { windowMs: 100, hopMs: 101 }])(
    'refuses %o',
    (options) => {
      expect(() => new Framer(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );
});
