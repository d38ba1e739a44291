import type { StoredPattern } from '../pattern.ts';
import type { NewStoredPattern } from './feature-storage.ts';
import { StorageError } from './storage-error.ts';

/** A clip and a vector of 4096 numbers in base64, with room for metadata. */
const longestLine = 24 * 1024 * 1024;

/** One pattern as a line of JSON, without the line break: `features` and `clip` are base64, float32 little-endian. */
export function encodePatternLine(stored: StoredPattern, clip: Uint8Array | undefined): string {
  const { features, ...pattern } = stored.pattern;
  const line = JSON.stringify({
    pattern: {
      ...pattern,
      features: base64(new Uint8Array(features.buffer, features.byteOffset, features.byteLength)),
    },
    metadata: stored.metadata,
    ...(clip === undefined ? {} : { clip: base64(clip) }),
  });
  // JSON lets them stand in a text, but Node's readline ends a line at them.
  return line.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

export function decodePatternLine(line: unknown, number: number): NewStoredPattern {
  if (typeof line !== 'string' || line.length > longestLine) {
    throw new StorageError(
      'INVALID_ARGUMENT',
      `Line ${number} is not a line of an export: it is no text, or too long.`,
    );
  }
  let parsed: { pattern?: { features?: unknown }; metadata?: unknown; clip?: unknown };
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    throw new StorageError('INVALID_ARGUMENT', `Line ${number} is not JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const text = parsed?.pattern?.features;
  if (typeof text !== 'string') {
    throw new StorageError('INVALID_ARGUMENT', `Line ${number} has no pattern with features in base64.`);
  }
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length % 4 !== 0 || bytes.toString('base64') !== text) {
    throw new StorageError('INVALID_ARGUMENT', `Line ${number} has features that are not float32 in base64.`);
  }
  const features = new Float32Array(new Uint8Array(bytes).buffer);
  const stored = { pattern: { ...parsed.pattern, features }, metadata: parsed.metadata } as NewStoredPattern;
  if (parsed.clip === undefined) return stored;
  if (typeof parsed.clip !== 'string')
    throw new StorageError('INVALID_ARGUMENT', `Line ${number} has a clip that is not base64.`);
  return { ...stored, clip: new Uint8Array(Buffer.from(parsed.clip, 'base64')) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
