import type { EncoderIdentity, FrequencyRange } from '../src/pattern.ts';
import type { Message } from './message-worker.ts';
import { NodeError } from './node-error.ts';

/** `msg.features`: what the vector in `msg.payload` is. */
export interface FeatureDescription {
  /** The encoder's name and revision. */
  model: string;
  revision: string;
  dimensions: number;
  /** Seconds since the source's start. */
  startTime: number;
  endTime: number;
  frequencyRange: FrequencyRange;
  /** The similarity from which this model's vectors are best taken for the same sound, where it was measured. */
  threshold?: number;
}

/** Longer than any encoder's; a bound on what a message can make us allocate. */
const longestVector = 65_536;

/**
 * The vector of a message: a list of numbers in `msg.payload`, or its bytes as little-endian 32-bit floats.
 * A Float32Array is taken too, though split and JSON would not keep it. What *similar* has recognised carries it in
 * `msg.features.vector`.
 */
export function messageVector(message: Message): Float32Array {
  const vector = toVector(message.payload) ?? toVector(plainObject(message.features).vector);
  if (vector === undefined || vector.length === 0) {
    throw new NodeError(
      'BAD_MESSAGE',
      'msg.payload must be a feature vector: a list of numbers, as "wav2vec2 extract" sends it.',
    );
  }
  const wrong = vector.findIndex((number) => !Number.isFinite(number));
  if (wrong >= 0) throw new NodeError('BAD_MESSAGE', `msg.payload[${wrong}] is not a finite number.`);
  return vector;
}

function toVector(payload: unknown): Float32Array | undefined {
  if (payload instanceof Float32Array) return payload.length <= longestVector ? payload : undefined;
  if (Buffer.isBuffer(payload)) {
    if (payload.length % 4 !== 0 || payload.length > longestVector * 4) return undefined;
    // A Buffer of a pool need not begin at a multiple of four.
    return new Float32Array(new Uint8Array(payload).buffer);
  }
  if (!Array.isArray(payload) || payload.length > longestVector) return undefined;
  if (payload.some((number) => typeof number !== 'number')) return undefined;
  return Float32Array.from(payload as number[]);
}

/** `msg.features` as far as it is there and sound; each missing piece gets its plainest value. */
export function messageFeatures(message: Message): {
  startTime: number;
  endTime: number;
  frequencyRange: FrequencyRange;
  encoder?: EncoderIdentity;
} {
  const features = plainObject(message.features);
  const range = plainObject(features.frequencyRange);
  const startTime = finite(features.startTime, 0);
  const description = {
    startTime,
    endTime: Math.max(startTime, finite(features.endTime, startTime)),
    frequencyRange: { low: finite(range.low, 0), high: finite(range.high, 8000) },
  };
  const { model, revision } = features;
  if (typeof model !== 'string' || typeof revision !== 'string') return description;
  return { ...description, encoder: { name: model, revision } };
}

/** The microphone, file or stream that a message's sound came from. */
export function messageSource({ audio, topic }: Message): string {
  return text(plainObject(audio).sourceId) ?? text(topic) ?? 'message';
}

export function plainObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function finite(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : otherwise;
}
