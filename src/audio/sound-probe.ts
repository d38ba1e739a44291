import { AudioError } from './audio-error.ts';
import type { AudioFormat } from './audio-format.ts';
import { ChildFailedError, childOutput } from './child-output.ts';
import { type FfmpegOptions, findFfmpeg } from './ffmpeg.ts';
import { decodeError, openAudioFile, readBytes } from './file-source.ts';
import { inputOptions, parseAddress, streamError } from './url-source.ts';
import { WavDecoder } from './wav-decoder.ts';

/** What a file or stream is, as somebody sees who has heard half a second of it. */
export interface ProbedSound {
  /** By ffmpeg's name, for example `mp3`, `ogg`, `wav`. */
  container: string;
  /** By ffmpeg's name, for example `aac`, `vorbis`, `pcm_s16le`. */
  codec: string;
  /** Hertz. */
  sampleRate: number;
  channels: number;
  /** Undefined where it has no end, or does not say where. */
  seconds?: number;
}

export interface ProbeOptions extends FfmpegOptions {
  /** Ends it early, with `CANCELLED`. */
  signal: AbortSignal;
  /** The most milliseconds in which nothing may be heard. Default 10,000. */
  silenceMs?: number;
}

/** What ffmpeg says of a stream that it can read and not play. */
const noSound = /Invalid data found|matches no streams|not contain any stream/;
/** So much of it is decoded: what is damaged or no sound says so at its beginning. */
const heardSeconds = '0.5';
/** No WAV file has more before its sound that is worth waiting for. */
const mostHeadBytes = 4_194_304;

/**
 * Looks at an audio file: its beginning is decoded, the rest is not read.
 * Its errors: those of `fileSource`.
 */
export async function probeFile(path: string, options: ProbeOptions): Promise<ProbedSound> {
  const { file, format, skip } = await openAudioFile(path);
  try {
    if (format === 'wav' || format === 'w64') {
      const decoder = new WavDecoder();
      let position = skip;
      while (decoder.decoded === 0 && !decoder.unsupported && position < mostHeadBytes) {
        const { buffer, bytesRead } = await file.read(new Uint8Array(readBytes), 0, readBytes, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        decoder.push(buffer.subarray(0, bytesRead));
      }
      if (decoder.format !== undefined && !decoder.unsupported) {
        if (decoder.decoded === 0) throw new AudioError('EMPTY', `${path}: This file holds no audio.`);
        const { sampleRate, frameBytes } = decoder.format;
        const rest = Math.min(decoder.left, (await file.stat()).size - position);
        return probedWav(format, decoder.format, (decoder.decoded + rest / frameBytes) / sampleRate);
      }
    }
  } finally {
    await file.close();
  }
  const input = ['-protocol_whitelist', 'file,pipe', '-f', format, '-i', `file:${path}`];
  try {
    return await probe(input, options);
  } catch (error) {
    throw error instanceof ChildFailedError ? decodeError(error) : error;
  }
}

/** Looks at what an HTTP or RTSP address sends. Its errors: those of `urlSource`, and `FORMAT` where it is no sound. */
export async function probeUrl(url: string, options: ProbeOptions): Promise<ProbedSound> {
  const address = parseAddress(url);
  try {
    return await probe(inputOptions(address), options);
  } catch (error) {
    if (!(error instanceof ChildFailedError)) throw error;
    if (noSound.test(error.stderr)) throw new AudioError('FORMAT', 'What it sends is no sound.');
    throw streamError(error, address);
  }
}

function probedWav(
  container: AudioFormat,
  { encoding, channels, sampleRate, sampleBytes }: NonNullable<WavDecoder['format']>,
  seconds: number,
): ProbedSound {
  const kind = { integer: 's', unsigned: 'u', float: 'f', alaw: 'alaw', mulaw: 'mulaw' }[encoding];
  const width = kind.length > 1 ? '' : `${8 * sampleBytes}${sampleBytes > 1 ? 'le' : ''}`;
  return { container, codec: `pcm_${kind}${width}`, sampleRate, channels, seconds };
}

/** Has ffmpeg decode the beginning, and reads what it says of it. */
async function probe(input: readonly string[], options: ProbeOptions): Promise<ProbedSound> {
  const ffmpeg = await findFfmpeg(options);
  const args = [
    ...['-hide_banner', '-nostats', '-nostdin', '-threads', '1', '-max_alloc', '134217728'],
    ...input,
    ...['-map', '0:a:0', '-vn', '-sn', '-dn', '-t', heardSeconds],
    // Says of each frame what it is.
    ...['-af', 'ashowinfo', '-f', 'u8', 'pipe:1'],
  ];
  const found: Partial<ProbedSound> = {};
  let isOfInput = true;
  const onStderr = (line: string) => {
    if (line.startsWith('Output #')) isOfInput = false;
    const container = /^Input #0, (\w+)/.exec(line)?.[1];
    const codec = isOfInput ? /^ {2}Stream #0:\d+.*?: Audio: (\w+)/.exec(line)?.[1] : undefined;
    const length = /^ {2}Duration: (\d+):(\d+):(\d+\.\d+)/.exec(line);
    const frame = /^\[Parsed_ashowinfo.* channels:(\d+) .*\brate:(\d+)/.exec(line);
    if (container) found.container ??= container;
    if (codec) found.codec ??= codec;
    if (length) {
      const [, hours, minutes, seconds] = length.map(Number) as [number, number, number, number];
      found.seconds ??= 3600 * hours + 60 * minutes + seconds;
    }
    if (frame) {
      found.channels ??= Number(frame[1]);
      found.sampleRate ??= Number(frame[2]);
    }
  };
  const { signal, silenceMs = 10_000 } = options;
  for await (const _ of childOutput(ffmpeg.path, args, { signal, silenceMs, onStderr }));
  const { container, codec, channels, sampleRate, seconds } = found;
  if (container === undefined || codec === undefined || channels === undefined || sampleRate === undefined) {
    throw new AudioError('EMPTY', 'There is no sound in it.');
  }
  return { container, codec, sampleRate, channels, ...(seconds !== undefined && { seconds }) };
}
