import { measureLevel, type SoundLevel, silenceLevel } from './level.ts';
import type { PcmChunk } from './pcm.ts';

/** What a level meter shows, and what is wrong with the sound. */
export interface LevelReport extends SoundLevel {
  /** Seconds since the source's start, at the end of what was measured. */
  time: number;
  /** Seconds for which nothing but digital silence has come: a muted or unplugged microphone. */
  silentSeconds: number;
}

/** Reports the level of a stream at regular intervals of audio time. */
export class LevelMonitor {
  readonly #intervalMs: number;
  #energy = 0;
  #samples = 0;
  #peak = silenceLevel;
  #clipped = 0;
  #silentSamples = 0;

  /** @param intervalMs Milliseconds of audio between two reports. Default 200. */
  constructor(intervalMs = 200) {
    this.#intervalMs = intervalMs;
  }

  /** A report where this chunk completes an interval. */
  push(chunk: PcmChunk): LevelReport | undefined {
    const { level, peak, clipped } = measureLevel(chunk.samples);
    this.#energy += 10 ** (level / 10) * chunk.samples.length;
    this.#samples += chunk.samples.length;
    this.#peak = Math.max(this.#peak, peak);
    this.#clipped += clipped;
    this.#silentSamples = peak > silenceLevel ? 0 : this.#silentSamples + chunk.samples.length;
    if (this.#samples * 1000 < this.#intervalMs * chunk.sampleRate) return undefined;
    const report: LevelReport = {
      level: Math.max(silenceLevel, 10 * Math.log10(this.#energy / this.#samples)),
      peak: this.#peak,
      clipped: this.#clipped,
      time: (chunk.firstSample + chunk.samples.length) / chunk.sampleRate,
      silentSeconds: this.#silentSamples / chunk.sampleRate,
    };
    this.#energy = 0;
    this.#samples = 0;
    this.#peak = silenceLevel;
    this.#clipped = 0;
    return report;
  }
}
