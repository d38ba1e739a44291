import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { encodeWav } from '../../src/audio/index.ts';

const sampleRate = 16_000;

/** Three tones that decay, different for each seed; the same file for the same arguments. */
export function bell(seed: number, seconds: number): Float32Array {
  const tones = [0, 1, 2].map((index) => 200 + ((seed * 977 + index * 613) % 3000));
  return Float32Array.from({ length: Math.round(seconds * sampleRate) }, (_, at) => {
    const time = at / sampleRate;
    const level = 0.25 * Math.exp(-(time % 1) * 2);
    return tones.reduce((sum, hertz) => sum + level * Math.sin(2 * Math.PI * hertz * time), 0);
  });
}

/** Writes a WAV file, its folders included, and gives its path back. */
export function writeSound(file: string, samples: Float32Array): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, encodeWav(samples, sampleRate));
  return file;
}
