import type { Observable } from 'rxjs';
import { type MicrophoneOptions, microphoneSource } from '../audio/microphone.ts';
import type { PcmChunk } from '../audio/pcm.ts';
import { fromSource } from './from-source.ts';

/**
 * Listens to a microphone by the recorder that the machine has. Losing the device is reported by `onEvent`,
 * tried again with backoff and marked as a gap; unsubscribing stops the recorder.
 *
 * @example
 * ```ts
 * import { firstValueFrom } from 'rxjs';
 * import { fromMicrophone, segmentSounds } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const sound = await firstValueFrom(fromMicrophone({ device }).pipe(segmentSounds()));
 * console.log(sound.frequencyRange, sound.overBackground);
 * ```
 */
export function fromMicrophone(options: MicrophoneOptions = {}): Observable<PcmChunk> {
  return fromSource(microphoneSource(options));
}
