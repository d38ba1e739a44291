import { BridgeError } from './bridge-error.ts';

/** Bytes before the payload; see docs/protocol.md. */
export const frameHeaderBytes = 24;

const protocolVersion = 1;
const kinds = { window: 1, features: 2 } as const;
const encodings = { s16le: 1, f32le: 2 } as const;
const sampleBytes = { s16le: 2, f32le: 4 } as const;
const gapFlag = 1;

/** How samples travel: 16-bit halves the bytes; 32-bit floats keep what lies beyond 16 bits. */
export type PcmEncoding = keyof typeof encodings;

export interface FeaturesFrame {
  /** 0 to 2^32-1. */
  stream: number;
  /** 0 to 2^32-1. */
  seq: number;
  gap: boolean;
  /** 0 to 2^53-1. */
  firstSample: number;
  features: Float32Array;
}

/** Bytes of a features frame; what it costs of the credit. */
export function featuresFrameBytes(dimensions: number): number {
  return frameHeaderBytes + 4 * dimensions;
}

/** Bytes of a window frame; what it costs of the credit. */
export function windowFrameBytes(samples: number, encoding: PcmEncoding): number {
  return frameHeaderBytes + samples * sampleBytes[encoding];
}

/**
 * A window frame whose `stream`, `seq` and `gap` are still blank: the frame is kept until it is answered and may be
 * sent again on another connection under other numbers. {@link addressFrame} fills them in.
 * @throws BridgeError `BAD_REQUEST` where a sample is not finite or beyond ±8, or `firstSample` is out of range.
 */
export function encodeWindowFrame(samples: Float32Array, firstSample: number, encoding: PcmEncoding): Buffer {
  if (!Number.isSafeInteger(firstSample) || firstSample < 0) {
    throw new BridgeError(
      'BAD_REQUEST',
      `A window's firstSample must be a whole number >= 0, not ${firstSample}.`,
    );
  }
  const loudest = loudestSample(samples);
  // Memory of its own, so that the payload is aligned, and not zeroed first, as every byte is written. Typed arrays are
  // little-endian wherever Node and onnxruntime run.
  const frame = Buffer.allocUnsafeSlow(windowFrameBytes(samples.length, encoding));
  if (encoding === 'f32le') new Float32Array(frame.buffer, frameHeaderBytes).set(samples);
  else writeInt16(samples, loudest, new Int16Array(frame.buffer, frameHeaderBytes));
  addressFrame(frame, { stream: 0, seq: 0, gap: false });
  frame[0] = protocolVersion;
  frame[1] = kinds.window;
  frame[2] = encodings[encoding];
  frame.writeUInt32LE(samples.length, 12);
  frame.writeDoubleLE(firstSample, 16);
  return frame;
}

/** The largest magnitude. @throws BridgeError `BAD_REQUEST` where a sample is not finite or beyond ±8. */
function loudestSample(samples: Float32Array): number {
  let loudest = 0;
  for (let i = 0; i < samples.length; i++) {
    const magnitude = Math.abs(samples[i]!);
    // The comparison is false for NaN too.
    if (!(magnitude <= 8)) {
      throw new BridgeError(
        'BAD_REQUEST',
        `Sample ${i} of a window is ${samples[i]}; samples must be finite and lie in [-1, 1].`,
      );
    }
    if (magnitude > loudest) loudest = magnitude;
  }
  return loudest;
}

/** Two loops because most windows need no clipping: this is most of what a window costs on its way out. */
function writeInt16(samples: Float32Array, loudest: number, target: Int16Array): void {
  if (loudest * 32_768 < 32_767) {
    for (let i = 0; i < samples.length; i++) target[i] = roundHalfUp(samples[i]! * 32_768);
  } else {
    for (let i = 0; i < samples.length; i++) {
      target[i] = Math.max(-32_768, Math.min(32_767, roundHalfUp(samples[i]! * 32_768)));
    }
  }
}

/** As Math.round, at half its cost; a number below -32768.5 stays below -32768. */
function roundHalfUp(value: number): number {
  return ((value + 32_768.5) | 0) - 32_768;
}

/** Writes the numbers under which `frame` goes out now. */
export function addressFrame(frame: Buffer, address: { stream: number; seq: number; gap: boolean }): void {
  frame[3] = address.gap ? gapFlag : 0;
  frame.writeUInt32LE(address.stream, 4);
  frame.writeUInt32LE(address.seq, 8);
}

/**
 * Reads one whole features frame. The payload is copied: a socket's buffers are reused and may be unaligned.
 * @throws BridgeError `BAD_FRAME` saying what is wrong with it.
 */
export function decodeFeaturesFrame(bytes: Uint8Array): FeaturesFrame {
  if (bytes.length < frameHeaderBytes) throw badFrame(`it has ${bytes.length} bytes, fewer than its header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, kind, dtype, flags] = bytes;
  const count = view.getUint32(12, true);
  const firstSample = view.getFloat64(16, true);
  if (version !== protocolVersion) throw badFrame(`its version is ${version}, not ${protocolVersion}`);
  if (kind !== kinds.features) throw badFrame(`its kind is ${kind}, not ${kinds.features} (features)`);
  if (dtype !== encodings.f32le) throw badFrame(`its dtype is ${dtype}, not ${encodings.f32le} (f32le)`);
  if (flags! & ~gapFlag) throw badFrame(`its flags ${flags} are unknown`);
  if (count === 0 || bytes.length !== featuresFrameBytes(count)) {
    throw badFrame(`it announces ${count} numbers but carries ${bytes.length - frameHeaderBytes} bytes`);
  }
  if (!Number.isSafeInteger(firstSample) || firstSample < 0)
    throw badFrame(`its firstSample is ${firstSample}`);
  const features = new Float32Array(Uint8Array.prototype.slice.call(bytes, frameHeaderBytes).buffer);
  if (!isFinite32(features)) throw badFrame('it holds numbers that are not finite');
  return {
    stream: view.getUint32(4, true),
    seq: view.getUint32(8, true),
    gap: (flags! & gapFlag) !== 0,
    firstSample,
    features,
  };
}

/**
 * Reads features frames that follow one another, as the one-shot HTTP endpoint answers them.
 * @throws BridgeError `BAD_FRAME`.
 */
export function decodeFeaturesFrames(bytes: Uint8Array): FeaturesFrame[] {
  const frames: FeaturesFrame[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    if (bytes.length - offset < frameHeaderBytes) throw badFrame('the last one is cut off');
    const count = new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(12, true);
    const end = offset + featuresFrameBytes(count);
    if (end > bytes.length) throw badFrame('the last one is cut off');
    frames.push(decodeFeaturesFrame(bytes.subarray(offset, end)));
    offset = end;
  }
  return frames;
}

/** An indexed loop: `every` costs sixty times as much, which a live stream would feel. */
function isFinite32(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

function badFrame(problem: string): BridgeError {
  return new BridgeError('BAD_FRAME', `A data frame cannot be read: ${problem}.`);
}
