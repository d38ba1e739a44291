import type { Observable } from 'rxjs';
import { type FolderSourceOptions, folderSource } from '../audio/folder-source.ts';
import type { PcmChunk } from '../audio/pcm.ts';
import { fromSource } from './from-source.ts';

/**
 * Reads every audio file of a folder and its folders, or those that a glob names, one after the other. Each
 * chunk's `sourceId` is its file; a file that cannot be read is reported by `onEvent` and skipped.
 *
 * @example
 * ```ts
 * import { lastValueFrom, toArray } from 'rxjs';
 * import { framePcm, fromFolder } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const windows = await lastValueFrom(
 *   fromFolder(`${folder}/**\/*.wav`).pipe(framePcm({ windowMs: 1000 }), toArray()),
 * );
 * console.log(new Set(windows.map((window) => window.sourceId)).size); // 2
 * ```
 */
export function fromFolder(folderOrGlob: string, options: FolderSourceOptions = {}): Observable<PcmChunk> {
  return fromSource(folderSource(folderOrGlob, options));
}
