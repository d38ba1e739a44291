import type { OperatorFunction } from 'rxjs';
import { Framer, type FramerOptions } from '../audio/framer.ts';
import type { AudioWindow, PcmChunk } from '../audio/pcm.ts';
import { stageOperator } from './stage-operator.ts';

/**
 * Cuts audio into windows of one length, overlapping where `hopMs` is shorter than `windowMs`. Nothing is
 * joined across a gap, and another source's audio starts a window of its own.
 *
 * @example
 * ```ts
 * import { lastValueFrom, toArray } from 'rxjs';
 * import { framePcm, fromFile } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const windows = await lastValueFrom(
 *   fromFile(path).pipe(framePcm({ windowMs: 1000, hopMs: 500 }), toArray()),
 * );
 * console.log(windows[1].firstSample / windows[1].sampleRate); // 0.5
 * ```
 */
export function framePcm(options: FramerOptions): OperatorFunction<PcmChunk, AudioWindow> {
  new Framer(options); // A wrong option is the caller's mistake and is said here, not to each subscriber.
  return stageOperator(() => new Framer(options));
}
