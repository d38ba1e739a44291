import type { OperatorFunction } from 'rxjs';
import type { PcmChunk, SoundSegment } from '../audio/pcm.ts';
import { SoundSegmenter, type SoundSegmenterOptions } from '../audio/sound-segmenter.ts';
import { stageOperator } from './stage-operator.ts';

/**
 * Lets through only what rises over the running background, each sound as one segment with its exact start
 * and end, its band and its loudness. Silence and steady noise cost nothing further down.
 *
 * @example
 * ```ts
 * import { lastValueFrom, toArray } from 'rxjs';
 * import { fromFile, segmentSounds } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const sounds = await lastValueFrom(fromFile(path).pipe(segmentSounds({ hangOverMs: 200 }), toArray()));
 * for (const { soundStart, soundEnd, sampleRate } of sounds) {
 *   console.log(soundStart / sampleRate, soundEnd / sampleRate);
 * }
 * ```
 */
export function segmentSounds(options: SoundSegmenterOptions = {}): OperatorFunction<PcmChunk, SoundSegment> {
  new SoundSegmenter(options); // A wrong option is the caller's mistake and is said here, not to each subscriber.
  return stageOperator(() => new SoundSegmenter(options));
}
