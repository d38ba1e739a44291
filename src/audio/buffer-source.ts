import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AudioError } from './audio-error.ts';
import { detectAudioFormat, id3Length } from './audio-format.ts';
import { type AudioSource, defaultSampleRate } from './audio-source.ts';
import { throwIfCancelled } from './child-output.ts';
import { ChunkBuilder } from './chunk-builder.ts';
import { type FileSourceOptions, fileSource } from './file-source.ts';
import type { PcmChunk } from './pcm.ts';
import { RawPcmDecoder, type RawPcmFormat } from './raw-pcm.ts';
import { WavDecoder } from './wav-decoder.ts';

export interface BufferSourceOptions extends FileSourceOptions {
  /** Says that the bytes are samples without a header. Default: they are a file, of any kind. */
  raw?: RawPcmFormat;
}

/** Bytes worked on at once, so that no step holds the event loop for long. */
const stepBytes = 32_768;

/**
 * Audio that is already in memory: a WAV, any other audio file (decoded by ffmpeg), or raw samples. Its errors
 * are those of `fileSource`.
 */
export function bufferSource(bytes: Uint8Array, options: BufferSourceOptions = {}): AudioSource {
  const { sampleRate = defaultSampleRate, sourceId = 'buffer' } = options;
  return {
    info: { sourceId, sampleRate },
    chunks: (signal) => readBuffer(bytes, { ...options, sourceId }, signal),
  };
}

async function* readBuffer(
  bytes: Uint8Array,
  options: BufferSourceOptions & { sourceId: string },
  signal: AbortSignal | undefined,
): AsyncGenerator<PcmChunk, void, undefined> {
  throwIfCancelled(signal);
  if (options.raw !== undefined) {
    const decoder = new RawPcmDecoder(options.raw);
    yield* decode(bytes, (part) => [decoder.push(part), decoder.sampleRate], options, signal);
    return;
  }
  const audio = bytes.subarray(id3Length(bytes));
  const format = detectAudioFormat(audio);
  if (format === undefined)
    throw new AudioError('FORMAT', 'These bytes are not an audio file that Earmark knows.');
  if (format === 'wav' || format === 'w64') {
    const decoder = new WavDecoder();
    const push = (part: Uint8Array): [Float32Array, number] => {
      const samples = decoder.push(part);
      return [samples, decoder.format?.sampleRate ?? 0];
    };
    yield* decode(audio, push, options, signal, decoder);
    if (!decoder.unsupported) return;
  }
  yield* decodeFile(bytes, options, signal);
}

async function* decode(
  bytes: Uint8Array,
  push: (part: Uint8Array) => [samples: Float32Array, sampleRate: number],
  options: BufferSourceOptions & { sourceId: string },
  signal: AbortSignal | undefined,
  decoder?: WavDecoder,
): AsyncGenerator<PcmChunk, void, undefined> {
  const builder = new ChunkBuilder(options.sourceId, options);
  let any = false;
  for (let at = 0; at < bytes.length && !decoder?.ended; at += stepBytes) {
    throwIfCancelled(signal);
    const [samples, sampleRate] = push(bytes.subarray(at, at + stepBytes));
    if (samples.length > 0) yield* builder.push(samples, sampleRate);
    any ||= samples.length > 0;
    await new Promise(setImmediate);
  }
  if (decoder !== undefined) decoder.end();
  else if (!any) throw new AudioError('EMPTY', 'There is no sample in this buffer.');
  yield* builder.flush();
}

/** ffmpeg has to seek in some formats, so that it gets a file of its own for as long as it reads. */
async function* decodeFile(
  bytes: Uint8Array,
  options: BufferSourceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<PcmChunk, void, undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'earmark-'));
  try {
    const path = join(folder, 'audio');
    await writeFile(path, bytes, { mode: 0o600, ...(signal === undefined ? {} : { signal }) });
    yield* fileSource(path, options).chunks(signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
