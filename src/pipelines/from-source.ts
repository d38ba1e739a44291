import type { Observable } from 'rxjs';
import type { AudioSource } from '../audio/audio-source.ts';
import type { PcmChunk } from '../audio/pcm.ts';
import { PullObservable } from './pull-observable.ts';

/**
 * The audio of any source: TCP, UDP, a message's buffer, a push source. Cold: each subscription opens the
 * source anew and unsubscribing closes it.
 *
 * @example
 * ```ts
 * import { lastValueFrom, toArray } from 'rxjs';
 * import { bufferSource } from '@earmark/node-red-sound-memory/audio';
 * import { fromSource } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const chunks = await lastValueFrom(fromSource(bufferSource(wav)).pipe(toArray()));
 * ```
 */
export function fromSource(source: AudioSource): Observable<PcmChunk> {
  return new PullObservable((signal) => source.chunks(signal));
}
