import { describe, expect, it } from 'vitest';
import { AudioError } from '../../src/audio/audio-error.ts';
import { fileSource } from '../../src/audio/file-source.ts';
import { noFfmpeg } from './needs-ffmpeg.ts';
import { probedSampleRate, robustFiles, robustFolder, robustPresent } from './robust-corpus.ts';

const present = robustPresent && !noFfmpeg;

describe.skipIf(!present)(
  'the corpus of odd and malformed files (needs ../shared/audio/robust and ffmpeg)',
  () => {
    const files = present ? robustFiles() : [];
    const named = (expected: string) => files.filter((file) => file.expect === expected);

    it.each(named('decode'))('decodes $file', async ({ file, samples }) => {
      const seconds = samples / probedSampleRate(robustFolder + file);
      const decoded = await decode(robustFolder + file);
      expect(Math.abs((decoded as number) - seconds)).toBeLessThanOrEqual(0.02 * seconds + 1 / 16_000);
    });

    it.each(named('reject'))('rejects $file', async ({ file }) => {
      const error = await decode(robustFolder + file);
      expect(error).toBeInstanceOf(AudioError);
      expect(['FORMAT', 'LIMIT', 'DECODE_FAILED']).toContain((error as AudioError).code);
      expect((error as AudioError).message).toContain(file);
    });

    it.each(named('empty'))('says that $file holds nothing', async ({ file }) => {
      expect(await decode(robustFolder + file)).toMatchObject({ code: 'EMPTY' });
    });

    it.each(named('either'))('survives $file', async ({ file }) => {
      const decoded = await decode(robustFolder + file);
      if (typeof decoded !== 'number') expect(decoded).toBeInstanceOf(AudioError);
    });
  },
);

/** Seconds of sound, or the error. */
async function decode(path: string): Promise<unknown> {
  let samples = 0;
  try {
    for await (const chunk of fileSource(path).chunks()) {
      expect(chunk.firstSample).toBe(samples);
      expect(chunk.samples.every(Number.isFinite)).toBe(true);
      samples += chunk.samples.length;
    }
    return samples / 16_000;
  } catch (error) {
    return error;
  }
}
