import { describe, expect, test } from 'vitest';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import { clipPicture } from '../../src/sounds/clip-picture.ts';
import { spectrogram } from '../../src/sounds/spectrogram.ts';

function tone(hertz: number, seconds: number, rate = 16_000): Float32Array {
  return Float32Array.from(
    { length: rate * seconds },
    (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate),
  );
}

/** The loudest band of a column. */
function loudest({ values, bands }: { values: Uint8Array; bands: number }, column: number): number {
  const own = values.subarray(column * bands, (column + 1) * bands);
  return own.indexOf(Math.max(...own));
}

describe('spectrogram', () => {
  test('a rising tone climbs through the bands', () => {
    const bands = [200, 500, 1000, 2000, 4000, 7000].map((hertz) =>
      loudest(spectrogram(tone(hertz, 0.5), 16_000), 32),
    );
    expect(bands).toEqual([...bands].sort((one, other) => one - other));
    expect(new Set(bands).size).toBe(bands.length);
  });

  test('the same pitch is drawn at the same height whatever the sample rate', () => {
    const low = loudest(spectrogram(tone(1000, 0.5, 16_000), 16_000), 10);
    const high = loudest(spectrogram(tone(1000, 0.5, 48_000), 48_000), 10);
    expect(Math.abs(low - high)).toBeLessThanOrEqual(1);
  });

  test('a sound in the second half leaves the first half dark', () => {
    const samples = new Float32Array(16_000);
    samples.set(tone(1000, 0.5), 8000);
    const picture = spectrogram(samples, 16_000);
    const column = (n: number) =>
      Math.max(...picture.values.subarray(n * picture.bands, (n + 1) * picture.bands));
    expect(column(5)).toBe(0);
    expect(column(60)).toBeGreaterThan(200);
  });

  test.each([
    ['silence', new Float32Array(16_000)],
    ['nothing', new Float32Array(0)],
    ['one sample', Float32Array.of(0)],
  ])('%s is dark', (_name, samples) => {
    expect(Math.max(...spectrogram(samples, 16_000).values)).toBe(0);
  });
});

describe('clipPicture', () => {
  test('says how loud the clip is', () => {
    expect(clipPicture(encodeWav(tone(440, 1), 16_000))?.loudness).toBeCloseTo(-9, 0);
  });

  test('gives up on what is no WAV file, or has no sample', () => {
    expect(clipPicture(new TextEncoder().encode('OggS and so on, which is not a WAV file'))).toBeUndefined();
    expect(clipPicture(new Uint8Array(3))).toBeUndefined();
    expect(clipPicture(encodeWav(new Float32Array(0), 16_000))).toBeUndefined();
  });
});
