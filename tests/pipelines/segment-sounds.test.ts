import { map, type Observable, of } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { PcmChunk, SoundSegment } from '../../src/audio/pcm.ts';
import { segmentSounds } from '../../src/pipelines/segment-sounds.ts';
import { noise, sine } from '../audio/signals.ts';
import { marbles } from './marbles.ts';

/** One second: quiet, with a sound from 0.2 to 0.6 seconds where asked. */
function second(firstSample: number, loud: boolean): PcmChunk {
  const samples = noise(1, 0.001, 1 + firstSample);
  if (loud) samples.set(sine(1000, 0.4, 16_000, 0.2), 3200);
  return { samples, sampleRate: 16_000, firstSample, gap: false };
}

describe('segmentSounds', () => {
  it('gives a sound once it is over, and lets nothing else through', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold('a-b-c-d|', {
        a: second(0, false),
        b: second(16_000, true),
        c: second(32_000, false),
        d: second(48_000, true),
      });
      const starts = source.pipe(
        segmentSounds({ hangOverMs: 500 }),
        map(({ soundStart }) => Math.round(soundStart / 1600)),
      );
      // The first is over in the third chunk, the second at the end.
      expectObservable(starts).toBe('----p--(q|)', { p: 12, q: 32 });
    });
  });

  it('says at once which option is wrong', () => {
    expect(() => segmentSounds({ thresholdDb: 0 })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('has the types of chunks and segments', () => {
    expectTypeOf(of(second(0, true)).pipe(segmentSounds())).toEqualTypeOf<Observable<SoundSegment>>();
  });
});
