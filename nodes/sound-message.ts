import {
  type AudioSource,
  type AudioWindow,
  bufferSource,
  encodeWav,
  measureLevel,
  type RawPcmFormat,
  type SoundSegment,
  type SourceEvent,
} from '../src/audio/index.ts';
import type { FrequencyRange } from '../src/pattern.ts';
import { plainObject } from './feature-message.ts';
import type { Message } from './message-worker.ts';
import { NodeError } from './node-error.ts';

/** `msg.audio`: what the sound in `msg.payload` is. */
export interface SoundDescription {
  /** Hertz. */
  sampleRate: number;
  channels: 1;
  /** Of a raw payload; a WAV file says it itself. */
  encoding: 's16le';
  /** The device, path or address that it came from. */
  sourceId: string;
  /** Seconds since the source's start. Of the sound itself; the payload holds a little before and after it. */
  startTime: number;
  endTime: number;
  durationMs: number;
  /** Seconds since the source's start of the payload's first sample. */
  payloadStart: number;
  /** Loudness in dBFS: 0 is the loudest possible, silence -120. */
  decibels: number;
  /** True when sound before this piece was lost. */
  gap: boolean;
  /** Wall-clock time of the sound's start in milliseconds since 1970, where known. */
  startedAt?: number;
  /** The band that holds the sound, in hertz; only where sounds are cut out. */
  frequencyRange?: FrequencyRange;
  /** Names the reading of a file, which waits for the nodes that work on its pieces. */
  session?: string;
}

export type SoundFormat = 'raw' | 'wav';

/** The properties that a piece of sound gives to its message. */
export function soundProperties(piece: AudioWindow | SoundSegment, sourceId: string, format: SoundFormat) {
  const { samples, sampleRate, firstSample, gap, startedAt } = piece;
  const segment = 'soundStart' in piece ? piece : undefined;
  const start = (segment?.soundStart ?? firstSample) / sampleRate;
  const end = (segment?.soundEnd ?? firstSample + samples.length) / sampleRate;
  const audio: SoundDescription = {
    sampleRate,
    channels: 1,
    encoding: 's16le',
    sourceId,
    startTime: start,
    endTime: end,
    durationMs: Math.round((end - start) * 1000),
    payloadStart: firstSample / sampleRate,
    decibels: Math.round((segment?.level ?? measureLevel(samples).level) * 10) / 10,
    gap,
  };
  if (startedAt !== undefined) audio.startedAt = Math.round(startedAt + start * 1000);
  if (segment !== undefined) audio.frequencyRange = segment.frequencyRange;
  return { payload: format === 'wav' ? wavFile(samples, sampleRate) : rawSamples(samples), format, audio };
}

export function wavFile(samples: Float32Array, sampleRate: number): Buffer {
  const bytes = encodeWav(samples, sampleRate);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function rawSamples(samples: Float32Array): Buffer {
  const bytes = Buffer.alloc(samples.length * 2);
  for (const [i, sample] of samples.entries()) {
    bytes.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), i * 2);
  }
  return bytes;
}

/** A bound on what one message can make us decode: ten minutes of 48 kHz float samples. */
const mostBytes = 115_200_000;

/** The sound in a message that *capture*, another node or a function wrote. */
export function payloadSource(
  message: Message,
  options: { sourceId: string; onEvent?: (event: SourceEvent) => void },
): AudioSource {
  const bytes = payloadBytes(message.payload);
  if (bytes.length > mostBytes)
    throw new NodeError('BAD_MESSAGE', 'msg.payload holds more than ten minutes of sound.');
  const audio = plainObject(message.audio);
  const isFile = Buffer.isBuffer(message.payload) && (audio.sampleRate === undefined || isWav(bytes));
  if (isFile) return bufferSource(bytes, options);
  if (typeof audio.sampleRate !== 'number') {
    throw new NodeError('BAD_MESSAGE', 'Raw samples need msg.audio.sampleRate, the samples per second.');
  }
  const encoding = Buffer.isBuffer(message.payload) ? (audio.encoding ?? 's16le') : 'f32le';
  const raw = { encoding, sampleRate: audio.sampleRate, channels: audio.channels ?? 1 } as RawPcmFormat;
  // What capture sent has been freed of its offset already.
  return bufferSource(bytes, { ...options, raw, removeDc: false });
}

function payloadBytes(payload: unknown): Uint8Array {
  if (Buffer.isBuffer(payload)) return payload;
  if (payload instanceof Float32Array) return new Uint8Array(payload.slice().buffer);
  if (Array.isArray(payload) && payload.every((sample) => sample >= -8 && sample <= 8)) {
    return new Uint8Array(Float32Array.from(payload as number[]).buffer);
  }
  throw new NodeError(
    'BAD_MESSAGE',
    'msg.payload must be a sound: an audio file in a buffer, or samples from -1 to 1 with msg.audio.sampleRate.',
  );
}

function isWav(bytes: Uint8Array): boolean {
  return bytes.length >= 12 && Buffer.from(bytes.subarray(8, 12)).toString('latin1') === 'WAVE';
}
