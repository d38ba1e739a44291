import type { Observable } from 'rxjs';
import { type FileSourceOptions, fileSource } from '../audio/file-source.ts';
import type { PcmChunk } from '../audio/pcm.ts';
import { fromSource } from './from-source.ts';

/**
 * Reads an audio file of any kind, no faster than what follows works it off.
 *
 * @example
 * ```ts
 * import { lastValueFrom, toArray } from 'rxjs';
 * import { fromFile } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const chunks = await lastValueFrom(fromFile(path).pipe(toArray()));
 * console.log(chunks[0].sampleRate); // 16000
 * ```
 */
export function fromFile(path: string, options: FileSourceOptions = {}): Observable<PcmChunk> {
  return fromSource(fileSource(path, options));
}
