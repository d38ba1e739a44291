import type { FrequencyRange } from '../pattern.ts';
import { PowerSpectrum } from './power-spectrum.ts';

/** Bins are about 16 Hz wide at 16 kHz: enough for a hum, quick enough for every window. */
const frameSize = 1024;
/** More frames than this change the answer little; long windows are sampled evenly. */
const mostFrames = 64;
const spectrum = new PowerSpectrum(frameSize);

/** The share of the energy left out at either end of the band. */
const outside = 0.05;

/**
 * The band, in hertz, that holds the middle 90 % of the energy of these samples. Silence gives
 * `{ low: 0, high: 0 }`.
 */
export function measureFrequencyRange(samples: Float32Array, sampleRate: number): FrequencyRange {
  const last = Math.max(0, samples.length - frameSize);
  const frames = Math.min(mostFrames, 1 + Math.ceil(last / (frameSize / 2)));
  const sum = new Float64Array(spectrum.bins);
  for (let frame = 0; frame < frames; frame++) {
    const offset = frames === 1 ? 0 : Math.round((last * frame) / (frames - 1));
    const power = spectrum.measure(samples, offset);
    for (let bin = 0; bin < sum.length; bin++) sum[bin]! += power[bin]!;
  }
  return energyBand(sum, sampleRate / frameSize);
}

/** The band that holds the middle 90 % of a power spectrum's energy, the lowest two bins (offset) left out. */
export function energyBand(power: Float64Array, hertzPerBin: number): FrequencyRange {
  let total = 0;
  for (let bin = 2; bin < power.length; bin++) total += power[bin]!;
  if (total < 1e-12) return { low: 0, high: 0 };
  let low = 0;
  let seen = 0;
  for (let bin = 2; bin < power.length; bin++) {
    const before = seen;
    seen += power[bin]!;
    if (before < outside * total && seen >= outside * total) low = bin;
    if (seen >= (1 - outside) * total) {
      return {
        low: Math.max(0, low - 0.5) * hertzPerBin,
        high: Math.min(power.length - 1, bin + 0.5) * hertzPerBin,
      };
    }
  }
  return { low: low * hertzPerBin, high: (power.length - 1) * hertzPerBin };
}
