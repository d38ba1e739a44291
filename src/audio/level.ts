/** How loud a piece of audio is. */
export interface SoundLevel {
  /** Root mean square in dBFS, -120 for digital silence. A full-scale sine is -3. */
  level: number;
  /** Highest absolute sample in dBFS. */
  peak: number;
  /** Samples at full scale: some of the sound was cut off. */
  clipped: number;
}

/** The level of digital silence, in dBFS. */
export const silenceLevel = -120;

/** A recorder's highest 16-bit value; nothing quieter counts as clipped. */
const fullScale = 32_767 / 32_768;

/** How loud samples are: level, peak and how many are clipped. */
export function measureLevel(samples: Float32Array): SoundLevel {
  let energy = 0;
  let peak = 0;
  let clipped = 0;
  // By index: an iterator takes four times as long, and every window is measured.
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i]!;
    energy += sample * sample;
    const size = Math.abs(sample);
    if (size > peak) peak = size;
    if (size >= fullScale) clipped++;
  }
  return { level: decibels(energy / Math.max(1, samples.length)), peak: decibels(peak * peak), clipped };
}

/** A power in decibels, not under `silenceLevel`. */
export function decibels(power: number): number {
  return power > 1e-12 ? 10 * Math.log10(power) : silenceLevel;
}
