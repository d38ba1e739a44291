import { measureLevel } from '../audio/level.ts';
import { WavDecoder } from '../audio/wav-decoder.ts';
import { spectrogram } from './spectrogram.ts';

export interface ClipPicture {
  /** Spectrogram values in base64: see `Spectrogram`. */
  picture: string;
  /** Root mean square in dB below full scale. */
  loudness: number;
}

/** Half a minute at 16 kHz: reading more would hold up the process for a picture of 64 columns. */
const lookedAtBytes = 2 ** 20;

/** The picture of a stored WAV clip, or undefined for one that cannot be read. */
export function clipPicture(clip: Uint8Array): ClipPicture | undefined {
  const decoder = new WavDecoder();
  let samples: Float32Array;
  try {
    samples = decoder.push(clip.subarray(0, lookedAtBytes));
  } catch {
    return undefined;
  }
  if (!decoder.format || samples.length === 0) return undefined;
  const { values } = spectrogram(samples, decoder.format.sampleRate);
  return { picture: Buffer.from(values).toString('base64'), loudness: measureLevel(samples).level };
}
