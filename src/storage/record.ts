import { crc32 } from 'node:zlib';
import type { Pattern, PatternMetadata, StoredPattern } from '../pattern.ts';

/**
 * A pattern as it lies in LMDB: one value, so that it is never torn, and small enough for one 4 KiB page
 * with 768 dimensions and up to some 900 bytes of text. Little-endian:
 *
 *  0 u32 CRC-32 of all that follows        4 u32 layout       8 u32 dimensions    12 u32 bytes of text
 * 16 f64 transaction that wrote it        24 f64 transaction that last changed its vector
 * 32 f64 startTime, endTime, low, high, confidence, createdAt, lastModified
 * 88 f32 vector, then JSON {id, type, metadata without the two times}
 */
const layout = 0x31_4d_52_45;
export const vectorOffset = 88;

interface RecordText {
  id: string;
  type: string;
  /** Without the two times. */
  metadata: Partial<PatternMetadata> & Pick<PatternMetadata, 'sourceId'>;
}

/** A pattern ready for disk, before the writer gives it a transaction. */
export interface RecordDraft {
  pattern: Pattern;
  createdAt: number;
  lastModified: number;
  text: string;
  textBytes: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeRecordText(text: RecordText): string {
  return JSON.stringify(text);
}

/** Records are packed one after another at multiples of 8, so that their numbers can be read in place. */
export function recordBytes(dimensions: number, textBytes: number): number {
  return vectorOffset + 4 * dimensions + textBytes;
}

export function packedBytes(bytes: number): number {
  return (bytes + 7) & ~7;
}

export function writeRecord(target: Uint8Array, offset: number, draft: RecordDraft): void {
  const { pattern, text, textBytes } = draft;
  const dimensions = pattern.features.length;
  const view = new DataView(target.buffer, target.byteOffset + offset);
  view.setUint32(4, layout, true);
  view.setUint32(8, dimensions, true);
  view.setUint32(12, textBytes, true);
  view.setFloat64(32, pattern.startTime, true);
  view.setFloat64(40, pattern.endTime, true);
  view.setFloat64(48, pattern.frequencyRange.low, true);
  view.setFloat64(56, pattern.frequencyRange.high, true);
  view.setFloat64(64, pattern.confidence, true);
  view.setFloat64(72, draft.createdAt, true);
  view.setFloat64(80, draft.lastModified, true);
  const { features } = pattern;
  const vector = new Uint8Array(features.buffer, features.byteOffset, features.byteLength);
  target.set(vector, offset + vectorOffset);
  const textOffset = offset + vectorOffset + vector.length;
  encoder.encodeInto(text, target.subarray(textOffset, textOffset + textBytes));
}

/** What the writer decides: transactions and the creation time. Seals the record with its checksum. */
export function sealRecord(
  record: Uint8Array,
  decided: { sequence: number; vectorSequence: number; createdAt?: number },
): void {
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  view.setFloat64(16, decided.sequence, true);
  view.setFloat64(24, decided.vectorSequence, true);
  if (decided.createdAt !== undefined) view.setFloat64(72, decided.createdAt, true);
  view.setUint32(0, crc32(record.subarray(4)), true);
}

/** The numbers at a record's head, readable without its text. */
export interface RecordHead {
  sequence: number;
  vectorSequence: number;
  startTime: number;
  endTime: number;
  low: number;
  high: number;
  confidence: number;
  createdAt: number;
  lastModified: number;
}

export function readRecordHead(record: Uint8Array): RecordHead {
  const view = new DataView(record.buffer, record.byteOffset, vectorOffset);
  return {
    sequence: view.getFloat64(16, true),
    vectorSequence: view.getFloat64(24, true),
    startTime: view.getFloat64(32, true),
    endTime: view.getFloat64(40, true),
    low: view.getFloat64(48, true),
    high: view.getFloat64(56, true),
    confidence: view.getFloat64(64, true),
    createdAt: view.getFloat64(72, true),
    lastModified: view.getFloat64(80, true),
  };
}

/** Whether the record is whole: layout, lengths and checksum. Nothing else here may read an unchecked record. */
export function isRecordWhole(record: Uint8Array, dimensions: number): boolean {
  if (record.length < vectorOffset) return false;
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  return (
    view.getUint32(4, true) === layout &&
    view.getUint32(8, true) === dimensions &&
    recordBytes(dimensions, view.getUint32(12, true)) === record.length &&
    view.getUint32(0, true) === crc32(record.subarray(4))
  );
}

/** Copies the vector, since LMDB's memory must not be kept. */
export function readRecordVector(record: Uint8Array, dimensions: number): Float32Array {
  const start = record.byteOffset + vectorOffset;
  return new Float32Array(record.buffer.slice(start, start + 4 * dimensions) as ArrayBuffer);
}

export function readRecordText(record: Uint8Array, dimensions: number): RecordText {
  return JSON.parse(decoder.decode(record.subarray(vectorOffset + 4 * dimensions))) as RecordText;
}

export function readRecord(record: Uint8Array, dimensions: number): StoredPattern {
  const head = readRecordHead(record);
  const text = readRecordText(record, dimensions);
  return {
    pattern: {
      id: text.id,
      startTime: head.startTime,
      endTime: head.endTime,
      frequencyRange: { low: head.low, high: head.high },
      confidence: head.confidence,
      type: text.type,
      features: readRecordVector(record, dimensions),
    },
    metadata: {
      ...text.metadata,
      createdAt: head.createdAt,
      lastModified: head.lastModified,
    },
  };
}
