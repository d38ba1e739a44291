import { PowerSpectrum } from '../audio/power-spectrum.ts';

/** A small picture of a sound: `columns` steps in time by `bands` steps in pitch, low pitch first. */
export interface Spectrogram {
  columns: number;
  bands: number;
  /** `columns * bands` values, column by column; 0 is quiet, 255 the loudest spot of this sound. */
  values: Uint8Array;
}

const columns = 64;
const bands = 24;
/** What lies further below the loudest spot is drawn as quiet. */
const shownDecibels = 55;
const lowestHertz = 60;
const highestHertz = 8000;

/**
 * Looks at `columns` frames spread over the sound, so that its cost does not grow with the sound's length.
 * Mono samples in [-1, 1].
 */
export function spectrogram(samples: Float32Array, sampleRate: number): Spectrogram {
  // 32 ms tells pitch and time apart well enough for a picture of a few dozen pixels.
  const spectrum = new PowerSpectrum(2 ** Math.round(Math.log2(sampleRate * 0.032)));
  const edges = bandEdges(spectrum.size, sampleRate);
  const step = Math.max(0, samples.length - spectrum.size) / (columns - 1);
  const power = new Float64Array(columns * bands);
  for (let column = 0; column < columns; column++) {
    const bins = spectrum.measure(samples, Math.round(column * step));
    for (let band = 0; band < bands; band++) {
      const from = edges[band] as number;
      const to = Math.max(from + 1, edges[band + 1] as number);
      let sum = 0;
      for (let bin = from; bin < to; bin++) sum += bins[bin] as number;
      power[column * bands + band] = sum / (to - from);
    }
  }
  const peak = power.reduce((most, value) => Math.max(most, value), 0);
  const values = new Uint8Array(power.length);
  if (peak > 1e-14) {
    power.forEach((value, i) => {
      const decibels = 10 * Math.log10(value / peak + 1e-12);
      values[i] = Math.max(0, Math.round(255 * (1 + decibels / shownDecibels)));
    });
  }
  return { columns, bands, values };
}

/** The first bin of each band and the end of the last one, evenly spread over the mel scale. */
function bandEdges(size: number, sampleRate: number): Uint16Array {
  const mel = (hertz: number) => 1127 * Math.log(1 + hertz / 700);
  const low = mel(lowestHertz);
  const high = mel(Math.min(highestHertz, sampleRate / 2));
  return Uint16Array.from({ length: bands + 1 }, (_, band) => {
    const hertz = 700 * (Math.exp((low + ((high - low) * band) / bands) / 1127) - 1);
    return Math.min(size / 2, Math.round((hertz * size) / sampleRate));
  });
}
