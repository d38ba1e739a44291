import { randomUUID } from 'node:crypto';
import type { EncoderIdentity, Pattern, PatternMetadata } from '../pattern.ts';
import type { NewStoredPattern } from './feature-storage.ts';
import { encodeRecordText, type RecordDraft } from './record.ts';
import { StorageError } from './storage-error.ts';

/** Of ids, labels, types, sources and tags, in bytes. */
export const longestText = 512;
const longestMetadata = 65_536;
const largestClip = 16 * 1024 * 1024;
/** Far above any encoder's output, and low enough that sums of squares stay finite in float32. */
const largestFeature = 1e15;

/** A pattern that may go to disk, with copies of the vector and the clip. */
export interface CheckedPattern extends RecordDraft {
  /** Whether `createdAt` was given; otherwise a replaced pattern keeps its own. */
  createdAtGiven: boolean;
  encoder: EncoderIdentity | undefined;
  label: string | undefined;
  tags: readonly string[];
  sourceId: string;
  clip: Uint8Array<ArrayBuffer> | undefined;
}

/** Copies the vector into `features`, which has the memory's length. */
export function checkPattern(
  given: NewStoredPattern,
  features: Float32Array,
  now: number,
  clipBudget: number,
): CheckedPattern {
  if (typeof given !== 'object' || given === null) throw invalid('pattern', 'must be an object');
  const { pattern, metadata, clip } = given;
  if (typeof pattern !== 'object' || pattern === null) throw invalid('pattern', 'must be an object');
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw invalid('metadata', 'must be an object with at least a sourceId');
  }
  const id = pattern.id === undefined ? randomUUID() : checkText('pattern.id', pattern.id);
  const startTime = checkNumber('pattern.startTime', pattern.startTime, 0, 1e15);
  const endTime = checkNumber('pattern.endTime', pattern.endTime, 0, 1e15);
  if (endTime < startTime) throw invalid('pattern.endTime', 'must not be before startTime');
  const range = pattern.frequencyRange;
  if (typeof range !== 'object' || range === null)
    throw invalid('pattern.frequencyRange', 'must be {low, high} in hertz');
  const low = checkNumber('pattern.frequencyRange.low', range.low, 0, 1e12);
  const high = checkNumber('pattern.frequencyRange.high', range.high, 0, 1e12);
  if (high < low) throw invalid('pattern.frequencyRange.high', 'must not be below low');
  const confidence = checkNumber('pattern.confidence', pattern.confidence, 0, 1);
  const type = checkText('pattern.type', pattern.type);
  features.set(checkFeatures(pattern.features, features.length));

  const { createdAt, lastModified, ...rest } = metadata;
  const sourceId = checkText(
    'metadata.sourceId',
    metadata.sourceId,
    'say which microphone, file or stream it came from',
  );
  const label = metadata.label === undefined ? undefined : checkText('metadata.label', metadata.label);
  for (const refused of [metadata.notLabel ?? []].flat()) checkText('metadata.notLabel', refused);
  const tags = checkPatternTags(metadata.tags);
  const encoder =
    metadata.encoder === undefined ? undefined : checkEncoder('metadata.encoder', metadata.encoder);
  const checked: Pattern = {
    id,
    startTime,
    endTime,
    frequencyRange: { low, high },
    confidence,
    type,
    features,
  };
  return {
    pattern: checked,
    createdAt: createdAt === undefined ? now : checkNumber('metadata.createdAt', createdAt, 0, 8.64e15),
    createdAtGiven: createdAt !== undefined,
    lastModified:
      lastModified === undefined ? now : checkNumber('metadata.lastModified', lastModified, 0, 8.64e15),
    ...encodeMetadata(id, type, rest as PatternMetadata),
    encoder,
    label,
    tags,
    sourceId,
    clip: checkClip(clip, clipBudget),
  };
}

/** Also what a search is given. Costs about a microsecond for 768 numbers. */
export function checkFeatures(features: unknown, dimensions: number): Float32Array {
  if (!(features instanceof Float32Array)) {
    throw invalid('features', 'must be a Float32Array');
  }
  if (features.length !== dimensions) {
    throw new StorageError(
      'DIMENSIONS',
      `The vector has ${features.length} numbers, this memory holds ${dimensions}: use the encoder that filled it, or another memory.`,
    );
  }
  for (let i = 0; i < features.length; i++) {
    // False for NaN too.
    if (!(Math.abs(features[i]!) <= largestFeature)) {
      throw invalid(
        'features',
        `must be finite and at most ${largestFeature} in size; number ${i} is ${features[i]}`,
      );
    }
  }
  return features;
}

export function checkEncoder(name: string, encoder: unknown): EncoderIdentity {
  if (typeof encoder !== 'object' || encoder === null) throw invalid(name, 'must be {name, revision}');
  const given = encoder as EncoderIdentity;
  return {
    name: checkText(`${name}.name`, given.name),
    revision: checkText(`${name}.revision`, given.revision),
  };
}

/** An id as the caller gives it to look something up. */
export function checkId(id: unknown): string {
  return checkText('id', id);
}

function checkText(name: string, value: unknown, advice = 'give it a value'): string {
  if (typeof value !== 'string' || value.length === 0 || Buffer.byteLength(value) > longestText) {
    throw invalid(name, `must be a string of 1 to ${longestText} bytes: ${advice}`);
  }
  if (!value.isWellFormed()) throw invalid(name, 'must be well-formed Unicode');
  return value;
}

function checkNumber(name: string, value: unknown, lowest: number, highest: number): number {
  if (typeof value !== 'number' || !(value >= lowest && value <= highest)) {
    throw invalid(name, `must be a number from ${lowest} to ${highest}`);
  }
  // -0 would come back as 0 from some paths and not from others.
  return value + 0;
}

function checkPatternTags(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > 64)
    throw invalid('metadata.tags', 'must be an array of at most 64 strings');
  return value.map((tag, i) => checkText(`metadata.tags[${i}]`, tag));
}

function checkClip(clip: unknown, budget: number): Uint8Array<ArrayBuffer> | undefined {
  if (clip === undefined) return undefined;
  if (!(clip instanceof Uint8Array) || clip.length === 0 || clip.length > largestClip) {
    throw invalid('clip', `must be a Uint8Array of 1 to ${largestClip} bytes`);
  }
  if (budget === 0) return undefined;
  if (clip.length > budget) {
    throw new StorageError(
      'INVALID_ARGUMENT',
      `The clip has ${clip.length} bytes, clipBudgetBytes is ${budget}: shorten it.`,
    );
  }
  // It may be a piece of a long recording, all of which would go to the writing thread with it.
  return new Uint8Array(clip);
}

function encodeMetadata(
  id: string,
  type: string,
  metadata: PatternMetadata,
): Pick<RecordDraft, 'text' | 'textBytes'> {
  let text: string;
  try {
    text = encodeRecordText({ id, type, metadata });
  } catch (error) {
    throw new StorageError('INVALID_ARGUMENT', `metadata must be plain JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const textBytes = Buffer.byteLength(text);
  if (textBytes > longestMetadata) {
    throw invalid('metadata', `must be at most ${longestMetadata} bytes as JSON; it has ${textBytes}`);
  }
  return { text, textBytes };
}

function invalid(name: string, what: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `${name} ${what}.`);
}
