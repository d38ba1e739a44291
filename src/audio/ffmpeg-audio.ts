import { childOutput } from './child-output.ts';
import { type FfmpegOptions, findFfmpeg } from './ffmpeg.ts';
import { RawPcmDecoder } from './raw-pcm.ts';

export interface FfmpegInput extends FfmpegOptions {
  /** ffmpeg's options for the input, ending with `-i` and its address. */
  input: readonly string[];
  /** Hertz. */
  sampleRate: number;
  /** The most milliseconds without any output while some is wanted. */
  silenceMs: number;
  signal?: AbortSignal | undefined;
  /** Gets each line of what ffmpeg complains of. */
  onStderr?: (line: string) => void;
}

/**
 * Decodes by ffmpeg to mono samples in [-1, 1], as fast as they are asked for. Damaged files can hold anything.
 * @throws AudioError `FFMPEG_MISSING`, `CANCELLED`, `TIMEOUT`
 * @throws ChildFailedError where ffmpeg gave up; what it could decode was yielded before.
 */
export async function* ffmpegAudio(options: FfmpegInput): AsyncGenerator<Float32Array, void, undefined> {
  const ffmpeg = await findFfmpeg(options);
  const args = [
    ...['-v', 'error', '-nostdin', '-threads', '1'],
    // One damaged length field must not make ffmpeg ask for gigabytes.
    ...['-max_alloc', '134217728'],
    ...options.input,
    ...['-map', '0:a:0', '-vn', '-sn', '-dn'],
    ...['-ac', '1', '-af', ffmpeg.resample(options.sampleRate), '-f', 'f32le', 'pipe:1'],
  ];
  const decoder = new RawPcmDecoder({ encoding: 'f32le', sampleRate: options.sampleRate });
  for await (const part of childOutput(ffmpeg.path, args, options)) yield decoder.push(part);
}
