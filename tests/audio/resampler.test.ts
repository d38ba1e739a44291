import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Resampler } from '../../src/audio/resampler.ts';
import { amplitudeOf, joined, noise, residualDb, sine } from './signals.ts';

function resample(
  samples: Float32Array,
  from: number,
  to: number,
  cuts: readonly number[] = [],
): Float32Array {
  const resampler = new Resampler(from, to);
  const parts: Float32Array[] = [];
  let at = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), samples.length]) {
    parts.push(resampler.push(samples.subarray(at, cut)).slice());
    at = Math.max(at, cut);
  }
  parts.push(resampler.flush().slice());
  return joined(parts);
}

/** Without the filter's rise and fall at the ends. */
const middle = (samples: Float32Array) => samples.subarray(2000, samples.length - 2000);

describe('Resampler', () => {
  it.each([8000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000, 44_099])(
    'keeps tones, their place and their number of samples from %i Hz',
    (rate) => {
      const seconds = 0.6;
      const output = resample(sine(1000, seconds, rate), rate, 16_000);
      expect(output.length).toBe(Math.ceil((Math.round(seconds * rate) * 16_000) / rate));
      // What is left without the tone that began at sample 0 shows a shift as well as a distortion.
      expect(amplitudeOf(middle(output), 1000, 16_000)).toBeCloseTo(0.5, 4);
      const expected = sine(1000, seconds, 16_000);
      const difference = middle(output).map((sample, i) => sample - expected[i + 2000]!);
      expect(Math.max(...difference.map(Math.abs))).toBeLessThan(1e-4);
    },
  );

  it.each([44_100, 48_000, 44_099])(
    'lets nothing over -90 dB through of tones over the limit, from %i Hz',
    (rate) => {
      for (let frequency = 8400; frequency <= 20_000; frequency += 580) {
        const alias = middle(resample(sine(frequency, 0.5, rate, 1), rate, 16_000));
        const level = 10 * Math.log10(alias.reduce((sum, sample) => sum + sample * sample, 0) / alias.length);
        expect(level, `${frequency} Hz`).toBeLessThan(-93); // A full-scale sine has -3.
      }
    },
  );

  it('passes everything up to 7 kHz unchanged and adds nothing', () => {
    for (const frequency of [50, 300, 3000, 7000]) {
      const output = middle(resample(sine(frequency, 0.6, 44_100, 1), 44_100, 16_000));
      expect(20 * Math.log10(amplitudeOf(output, frequency, 16_000))).toBeCloseTo(0, 1);
      expect(residualDb(output.slice(0, 3200), frequency, 16_000)).toBeLessThan(-60);
    }
  });

  it('gives the same samples however they are cut', () => {
    const input = noise(0.1, 0.9, 3, 44_100);
    const whole = resample(input, 44_100, 16_000);
    fc.assert(
      fc.property(fc.array(fc.nat(input.length), { maxLength: 20 }), (cuts) => {
        expect(resample(input, 44_100, 16_000, cuts)).toEqual(whole);
      }),
      { numRuns: 25 },
    );
  });

  it('gives a sample for a sample, and none for none', () => {
    expect(resample(Float32Array.of(0.5), 48_000, 16_000).length).toBe(1);
    expect(resample(new Float32Array(0), 48_000, 16_000).length).toBe(0);
    const input = noise(0.01, 0.9);
    expect(resample(input, 16_000, 16_000)).toEqual(input);
  });

  it.each([0, 999, 768_001, 16_000.5, Number.NaN])('refuses %f Hz', (rate) => {
    expect(() => new Resampler(rate, 16_000)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
