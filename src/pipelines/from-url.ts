import type { Observable } from 'rxjs';
import type { PcmChunk } from '../audio/pcm.ts';
import { type UrlSourceOptions, urlSource } from '../audio/url-source.ts';
import { fromSource } from './from-source.ts';

/**
 * Listens to an HTTP or RTSP address by ffmpeg, an IP camera's sound for example, and connects again when it
 * is lost. The address's user name, password and query appear in no event and no error.
 *
 * @example
 * ```ts
 * import { firstValueFrom } from 'rxjs';
 * import { framePcm, fromUrl } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const window = await firstValueFrom(fromUrl(url).pipe(framePcm({ windowMs: 1000 })));
 * console.log(window.sourceId);
 * ```
 */
export function fromUrl(url: string, options: UrlSourceOptions = {}): Observable<PcmChunk> {
  return fromSource(urlSource(url, options));
}
