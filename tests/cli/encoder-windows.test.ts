import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EncoderModel } from '../../src/bridge/index.ts';
import { EncoderWindows } from '../../src/cli/encoder-windows.ts';

const model: EncoderModel = {
  name: 'any',
  revision: '1',
  dimensions: 8,
  sampleRate: 1000,
  minimumSamples: 10,
  maximumSamples: 10_000,
  window: { seconds: 1, hopSeconds: 0.4 },
  metric: 'cosine',
};

/** Where the server's one-shot requests begin their windows. */
function starts(total: number): number[] {
  if (total <= 1000) return total === 0 ? [] : [0];
  const regular = Array.from({ length: Math.floor((total - 1000) / 400) + 1 }, (_, index) => index * 400);
  return regular.at(-1) === total - 1000 ? regular : [...regular, total - 1000];
}

const chunkLengths = fc.array(fc.integer({ min: 0, max: 1300 }), { maxLength: 12 });

describe('the encoder’s own windows', () => {
  it('are those of a one-shot request, in whatever chunks the audio comes', () => {
    fc.assert(
      fc.property(chunkLengths, (lengths) => {
        const cutter = new EncoderWindows(model);
        const windows = [];
        let total = 0;
        for (const length of lengths) {
          const samples = Float32Array.from({ length }, (_, index) => total + index);
          windows.push(...cutter.push({ samples, sampleRate: 1000, firstSample: total, gap: false }));
          total += length;
        }
        windows.push(...cutter.flush());
        expect(windows.map(({ firstSample }) => firstSample)).toEqual(starts(total));
        for (const { firstSample, samples } of windows) {
          expect(samples.length).toBe(Math.min(1000, total));
          // Each sample says where it was.
          expect(samples.every((value, index) => value === firstSample + index)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('never reach over a gap', () => {
    const cutter = new EncoderWindows(model);
    const chunk = (firstSample: number, length: number, gap: boolean) => ({
      samples: new Float32Array(length).fill(firstSample),
      sampleRate: 1000,
      firstSample,
      gap,
    });
    const windows = [
      ...cutter.push(chunk(0, 1500, false)),
      ...cutter.push(chunk(9000, 300, true)),
      ...cutter.push(chunk(9300, 300, false)),
      ...cutter.flush(),
    ];
    expect(windows.map(({ firstSample, samples }) => [firstSample, samples.length])).toEqual([
      [0, 1000],
      [400, 1000],
      [500, 1000],
      [9000, 600],
    ]);
  });
});
