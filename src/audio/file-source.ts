import { constants, type FileHandle, open } from 'node:fs/promises';
import { AudioError } from './audio-error.ts';
import { type AudioFormat, detectAudioFormat, detectedBytes, id3Length } from './audio-format.ts';
import { type AudioSource, defaultSampleRate, type SourceOptions } from './audio-source.ts';
import { ChildFailedError, throwIfCancelled } from './child-output.ts';
import { ChunkBuilder } from './chunk-builder.ts';
import type { FfmpegOptions } from './ffmpeg.ts';
import { ffmpegAudio } from './ffmpeg-audio.ts';
import type { PcmChunk } from './pcm.ts';
import { WavDecoder } from './wav-decoder.ts';

export interface FileSourceOptions extends SourceOptions, FfmpegOptions {
  /** The most milliseconds in which ffmpeg may deliver nothing while some is wanted. Default 30,000. */
  timeoutMs?: number;
}

/** Bytes of a file read at once: some 0.4 s of CD audio, so that no step holds the event loop for long. */
export const readBytes = 131_072;

/** Windows has none. */
const withoutWaiting = constants.O_NONBLOCK ?? 0;

/**
 * An audio file, recognised by its first bytes. WAV is read here, everything else by ffmpeg; memory stays
 * constant however long the file is.
 *
 * Its errors: `NOT_FOUND`, `FORMAT` (no audio that can be read), `EMPTY` (no sample in it), `LIMIT`,
 * `FFMPEG_MISSING`, `DECODE_FAILED`, `TIMEOUT`, `CANCELLED`.
 */
export function fileSource(path: string, options: FileSourceOptions = {}): AudioSource {
  const { sampleRate = defaultSampleRate, sourceId = path } = options;
  return {
    info: { sourceId, sampleRate },
    chunks: (signal) => readFile(path, sourceId, options, signal),
  };
}

async function* readFile(
  path: string,
  sourceId: string,
  options: FileSourceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<PcmChunk, void, undefined> {
  throwIfCancelled(signal);
  const { file, format, skip } = await openAudioFile(path);
  try {
    if (format === 'wav' || format === 'w64') {
      const decoder = new WavDecoder();
      const onFormat = () => options.onEvent?.({ type: 'started', sourceId, via: 'wav' });
      yield* readWav(file, skip, decoder, new ChunkBuilder(sourceId, options), onFormat, signal);
      if (!decoder.unsupported) return;
    }
    yield* readByFfmpeg(path, format, new ChunkBuilder(sourceId, options), options, signal);
  } catch (error) {
    throw named(error, path);
  } finally {
    await file.close();
  }
}

async function* readWav(
  file: FileHandle,
  start: number,
  decoder: WavDecoder,
  builder: ChunkBuilder,
  onFormat: () => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<PcmChunk, void, undefined> {
  // One for all reads, since the decoder keeps nothing of it.
  const buffer = new Uint8Array(readBytes);
  let position = start;
  let known = false;
  for (;;) {
    throwIfCancelled(signal);
    const { bytesRead } = await file.read(buffer, 0, readBytes, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const samples = decoder.push(buffer.subarray(0, bytesRead));
    if (decoder.unsupported) return;
    if (!known && decoder.format !== undefined) onFormat();
    known = decoder.format !== undefined;
    if (samples.length > 0) yield* builder.push(samples, decoder.format!.sampleRate);
    if (decoder.ended) break;
  }
  decoder.end();
  yield* builder.flush();
}

async function* readByFfmpeg(
  path: string,
  format: AudioFormat,
  builder: ChunkBuilder,
  options: FileSourceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<PcmChunk, void, undefined> {
  const { sampleRate = defaultSampleRate, timeoutMs = 30_000, ffmpegPath } = options;
  const sourceId = options.sourceId ?? path;
  let any = false;
  try {
    const audio = ffmpegAudio({
      // The demuxer is named and only local files may be opened: a playlist must not make ffmpeg read others.
      input: ['-protocol_whitelist', 'file,pipe', '-f', format, '-i', `file:${path}`],
      sampleRate,
      silenceMs: timeoutMs,
      signal,
      ...(ffmpegPath === undefined ? {} : { ffmpegPath }),
    });
    for await (const samples of audio) {
      if (!any) options.onEvent?.({ type: 'started', sourceId, via: 'ffmpeg' });
      any = true;
      yield* builder.push(samples, sampleRate);
    }
  } catch (error) {
    if (!(error instanceof ChildFailedError)) throw error;
    if (!any) throw decodeError(error);
    options.onEvent?.({ type: 'damaged', sourceId, message: lastLine(error.stderr) });
  }
  if (!any) throw new AudioError('EMPTY', 'This file holds no audio.');
}

/** An open file, its format, and how many bytes of ID3 tag come before the sound. */
export async function openAudioFile(
  path: string,
): Promise<{ file: FileHandle; format: AudioFormat; skip: number }> {
  let file: FileHandle | undefined;
  try {
    file = await openFile(path);
    const { format, skip } = await detect(file);
    if (format !== undefined) return { file, format, skip };
    throw new AudioError('FORMAT', 'This is not an audio file that Earmark knows.');
  } catch (error) {
    await file?.close();
    throw named(error, path);
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // A pipe would keep one of the few threads waiting that open files, until somebody writes into it.
    const file = await open(path, constants.O_RDONLY | withoutWaiting);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'There is no such file' : `It cannot be opened (${code})`;
    throw new AudioError('NOT_FOUND', `${why}.`, { cause: error });
  }
  throw new AudioError('NOT_FOUND', 'It is not a file.');
}

/** The file's format and how many bytes of ID3 tag come before it. */
async function detect(file: FileHandle): Promise<{ format: AudioFormat | undefined; skip: number }> {
  const head = await readHead(file, 0);
  const skip = id3Length(head);
  return { format: detectAudioFormat(skip === 0 ? head : await readHead(file, skip)), skip };
}

async function readHead(file: FileHandle, position: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(detectedBytes), 0, detectedBytes, position);
  return buffer.subarray(0, bytesRead);
}

/** What ffmpeg says of a file in which it found nothing to decode. */
export function decodeError(error: ChildFailedError): AudioError {
  if (/matches no streams|does not contain any stream/.test(error.stderr)) {
    return new AudioError('EMPTY', 'This file holds no audio track.', { cause: error });
  }
  return new AudioError('DECODE_FAILED', `ffmpeg could not decode it: ${lastLine(error.stderr)}`, {
    cause: error,
  });
}

/** The end of what ffmpeg said, without the file's name, which is said anyway. */
function lastLine(text: string): string {
  return text
    .split('\n')
    .at(-1)!
    .replace(/^file:.*: /, '')
    .slice(0, 300);
}

/** The same error with the file's name before it; one of the disk is the file's too. */
function named(error: unknown, path: string): unknown {
  const { syscall, code } = error as NodeJS.ErrnoException;
  if (syscall === 'read') {
    return new AudioError('DECODE_FAILED', `${path}: It cannot be read (${code}).`, { cause: error });
  }
  if (!(error instanceof AudioError) || error.code === 'CANCELLED' || error.code === 'FFMPEG_MISSING')
    return error;
  return new AudioError(error.code, `${path}: ${error.message}`, { cause: error.cause });
}
