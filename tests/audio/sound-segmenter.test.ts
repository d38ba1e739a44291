import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SoundSegment } from '../../src/audio/pcm.ts';
import { SoundSegmenter, type SoundSegmenterOptions } from '../../src/audio/sound-segmenter.ts';
import { mixInto, noise, sine } from './signals.ts';

const rate = 16_000;

function segment(
  samples: Float32Array,
  options: SoundSegmenterOptions = {},
  chunkLength = 1600,
): SoundSegment[] {
  const segmenter = new SoundSegmenter(options);
  const segments: SoundSegment[] = [];
  for (let at = 0; at < samples.length; at += chunkLength) {
    const part = samples.subarray(at, at + chunkLength);
    segments.push(...segmenter.push({ samples: part, sampleRate: rate, firstSample: at, gap: false }));
  }
  return [...segments, ...segmenter.flush()];
}

/** A quiet room of about -50 dBFS with sounds in it. */
function room(seconds: number, ...sounds: [at: number, sound: Float32Array][]): Float32Array {
  const samples = noise(seconds, 0.005);
  for (const [at, sound] of sounds) mixInto(samples, sound, at);
  return samples;
}

describe('SoundSegmenter', () => {
  it('finds each sound with its start and end to 5 ms, its band and its loudness', () => {
    const samples = room(
      6,
      [1.5, sine(1000, 0.5, rate, 0.1)],
      [3, sine(3000, 0.05, rate, 0.3)],
      [4, sine(6000, 0.2, rate, 0.02)],
    );
    const found = segment(samples);
    expect(found.map(({ seq }) => seq)).toEqual([0, 1, 2]);
    for (const [i, [start, end, frequency]] of [
      [1.5, 2, 1000],
      [3, 3.05, 3000],
      [4, 4.2, 6000],
    ].entries()) {
      const { soundStart, soundEnd, frequencyRange, overBackground } = found[i]!;
      expect(Math.abs(soundStart / rate - start!)).toBeLessThan(0.005);
      expect(Math.abs(soundEnd / rate - end!)).toBeLessThan(0.005);
      expect(frequencyRange.low).toBeGreaterThan(frequency! - 100);
      expect(frequencyRange.high).toBeLessThan(frequency! + 100);
      expect(overBackground).toBeGreaterThan(10);
    }
    expect(found[0]!.level).toBeCloseTo(-23, 0);
  });

  it('tells the time by the clock as the latest chunk does', () => {
    const segmenter = new SoundSegmenter();
    const samples = room(3, [1.5, sine(1000, 0.5, rate, 0.1)]);
    const of = (from: number, to: number, startedAt: number) => ({
      ...{ samples: samples.subarray(from, to), sampleRate: rate, firstSample: from, gap: false, startedAt },
    });
    segmenter.push(of(0, rate, 1000));
    expect(segmenter.push(of(rate, 3 * rate, 5000))).toMatchObject([{ startedAt: 5000 }]);
  });

  it('keeps a little of what was before and after, from the very samples of the source', () => {
    const samples = room(3, [1.5, sine(1000, 0.5, rate, 0.1)]);
    const [sound] = segment(samples, { preRollMs: 100 });
    expect(sound!.soundStart - sound!.firstSample).toBe(1600);
    expect(sound!.samples).toEqual(
      samples.slice(sound!.firstSample, sound!.firstSample + sound!.samples.length),
    );
    expect(sound!.firstSample + sound!.samples.length - sound!.soundEnd).toBe(1600);
  });

  it.each([0.05, 0.005, 0.0005])(
    'finds nothing in a minute of steady noise of amplitude %f once it knows it',
    (amplitude) => {
      const found = segment(noise(60, amplitude)).filter(({ soundEnd }) => soundEnd > 10 * rate);
      expect(found).toEqual([]);
    },
  );

  it('finds nothing in silence', () => {
    expect(segment(new Float32Array(5 * rate))).toEqual([]);
  });

  it('bridges pauses shorter than the hang-over, and not longer ones', () => {
    const tone = sine(1000, 0.2, rate, 0.1);
    expect(segment(room(4, [1, tone], [1.3, tone])).length).toBe(1);
    expect(segment(room(4, [1, tone], [1.4, tone])).length).toBe(2);
    expect(segment(room(4, [1, tone], [1.4, tone]), { hangOverMs: 300 }).length).toBe(1);
  });

  it('leaves out what is shorter than the minimum', () => {
    const samples = room(3, [1, sine(2000, 0.01, rate, 0.5)], [2, sine(2000, 0.2, rate, 0.5)]);
    expect(
      segment(samples, { minLengthMs: 50 }).map(({ soundStart }) => Math.round((10 * soundStart) / rate)),
    ).toEqual([20]);
    expect(segment(samples, { minLengthMs: 0 }).length).toBe(2);
  });

  it('cuts what is longer than the maximum, without a hole', () => {
    const found = segment(room(6, [1, sine(500, 3.5, rate, 0.2)]), { maxLengthMs: 1000 });
    expect(found.map(({ cut }) => cut)).toEqual([true, true, true, false]);
    for (let i = 1; i < found.length; i++) {
      expect(found[i]!.soundStart).toBe(found[i - 1]!.soundEnd);
      expect(found[i]!.firstSample).toBe(found[i]!.soundStart);
    }
    expect(Math.abs(found.at(-1)!.soundEnd / rate - 4.5)).toBeLessThan(0.005);
  });

  it('finds a sound at the first and at the last sample', () => {
    const found = segment(room(3, [0, sine(1000, 0.3, rate, 0.2)], [2.7, sine(1000, 0.3, rate, 0.2)]));
    expect(found.map(({ soundStart, soundEnd }) => [soundStart, soundEnd])).toEqual([
      [0, expect.closeTo(4800, -2)],
      [expect.closeTo(43_200, -2), 48_000],
    ]);
  });

  it('ends a sound at a gap and marks the next one', () => {
    const segmenter = new SoundSegmenter();
    const samples = room(4, [1, sine(1000, 1, rate, 0.2)], [3, sine(1000, 0.5, rate, 0.2)]);
    const first = { samples: samples.subarray(0, 24_000), sampleRate: rate, firstSample: 0, gap: false };
    const second = { samples: samples.subarray(32_000), sampleRate: rate, firstSample: 100_000, gap: true };
    const found = [...segmenter.push(first), ...segmenter.push(second), ...segmenter.flush()];
    expect(found.map(({ soundEnd, gap }) => [soundEnd, gap])).toEqual([
      [24_000, false],
      [expect.closeTo(124_000, -2), true],
    ]);
  });

  it('hears a weak whistle under loud rumble', () => {
    const samples = sine(80, 4, rate, 0.02);
    mixInto(samples, noise(4, 0.0005), 0);
    mixInto(samples, sine(4000, 0.3, rate, 0.002), 3);
    const found = segment(samples).filter(({ soundStart }) => soundStart > 2.5 * rate);
    expect(found.length).toBe(1);
    expect(found[0]!.frequencyRange.low).toBeGreaterThan(3500);
    expect(Math.abs(found[0]!.soundStart / rate - 3)).toBeLessThan(0.03);
  });

  it('finds the same sounds however the audio is cut', () => {
    const samples = room(3, [0.5, sine(1000, 0.2, rate, 0.1)], [1.5, sine(3000, 0.4, rate, 0.05)]);
    // Also where more is kept after a sound than is waited for.
    for (const options of [{}, { hangOverMs: 50, preRollMs: 200 }]) {
      const whole = segment(samples, options);
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 20_000 }), (length) => {
          expect(segment(samples, options, length)).toEqual(whole);
        }),
        { numRuns: 12 },
      );
    }
  });

  it.each([{ thresholdDb: 2 }, { preRollMs: -1 }, { hangOverMs: Number.NaN }, { maxLengthMs: 100 }])(
    'refuses %o',
    (options) => {
      expect(() => new SoundSegmenter(options)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    },
  );
});
