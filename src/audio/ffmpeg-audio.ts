import { childOutput } from './child-output.ts';
import { type FfmpegOptions, findFfmpeg } from './ffmpeg.ts';

export interface FfmpegInput extends FfmpegOptions {
  /** ffmpeg's options for the input, ending with `-i` and its address. */
  input: readonly string[];
  /** Hertz. */
  sampleRate: number;
  /** The most milliseconds without any output while some is wanted. */
  silenceMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * Decodes by ffmpeg to mono samples, as fast as they are asked for.
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
  const output = childOutput(ffmpeg.path, args, options);
  yield* floatSamples(output);
}

/** Joins the bytes of a pipe to samples, whichever way the pipe has cut them. */
async function* floatSamples(output: AsyncIterable<Buffer>): AsyncGenerator<Float32Array, void, undefined> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const part of output) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, part]) : part;
    const whole = bytes.length - (bytes.length % 4);
    // A copy, since a view of floats has to begin at a multiple of four bytes.
    if (whole > 0) yield new Float32Array(new Uint8Array(bytes.subarray(0, whole)).buffer);
    rest = bytes.subarray(whole);
  }
}
