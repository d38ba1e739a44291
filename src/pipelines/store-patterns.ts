import type { OperatorFunction } from 'rxjs';
import { encodeWav } from '../audio/wav-writer.ts';
import type { Pattern, PatternMetadata } from '../pattern.ts';
import type { NewPatternMetadata, NewStoredPattern } from '../storage/feature-storage.ts';
import { type EmbeddedSound, soundPattern } from './embedded-sound.ts';
import type { FeatureMemory } from './feature-memory.ts';
import { type PushOptions, pullOperator } from './pull-operator.ts';
import { readAhead } from './read-ahead.ts';

export interface StorePatternsOptions extends PushOptions {
  /** The patterns' type. Default `sound`. */
  type?: string;
  /** What to store beside each sound: label, tags, or anything else that is plain JSON. */
  metadata?: Partial<PatternMetadata> | ((sound: EmbeddedSound) => Partial<PatternMetadata>);
  /** 0 to 1, or how to tell. Default 1. */
  confidence?: number | ((sound: EmbeddedSound) => number);
  /** Whether the sound's audio is stored with it; needs `keepSamples` in `extractFeatures`. Default false. */
  clips?: boolean;
  /** The most patterns of one transaction, 1 to 4,096. Default 64. */
  maxBatch?: number;
}

/** A transaction costs as much as storing some twenty patterns does: a fast stream shares one between several. */
const gatherMs = 50;

/** A sound with the pattern that was stored of it. */
export interface StoredSound {
  /** With the id under which the memory keeps it. */
  pattern: Pattern;
  metadata: NewPatternMetadata;
  sound: EmbeddedSound;
}

/**
 * Stores each sound and passes on what was stored, in order, once it is safe on disk. A sound that comes 50 ms or
 * more after the last transaction began is stored at once; those that come sooner wait for each other until then.
 *
 * @example
 * ```ts
 * import { lastValueFrom, toArray } from 'rxjs';
 * import {
 *   extractFeatures, framePcm, fromFile, storePatterns, successes,
 * } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const stored = await lastValueFrom(
 *   fromFile(path).pipe(
 *     framePcm({ windowMs: 1000 }),
 *     extractFeatures(bridge),
 *     successes(),
 *     storePatterns(memory, { metadata: { label: 'doorbell' } }),
 *     toArray(),
 *   ),
 * );
 * console.log(stored[0].metadata.label); // doorbell
 * ```
 */
export function storePatterns(
  memory: Pick<FeatureMemory, 'storePatterns'>,
  options: StorePatternsOptions = {},
): OperatorFunction<EmbeddedSound, StoredSound> {
  const { maxBatch = 64 } = options;
  if (!Number.isInteger(maxBatch) || maxBatch < 1 || maxBatch > 4_096)
    throw new RangeError('storePatterns takes a maxBatch from 1 to 4096.');
  async function* store(sounds: AsyncIterable<EmbeddedSound>): AsyncGenerator<StoredSound, void, undefined> {
    for await (const batch of readAhead(sounds, maxBatch, gatherMs)) {
      const patterns = batch.map((sound) => newPattern(sound, options));
      const ids = await memory.storePatterns(patterns);
      for (const [i, { pattern, metadata }] of patterns.entries()) {
        yield { pattern: { ...pattern, id: ids[i]! }, metadata, sound: batch[i]! };
      }
    }
  }
  return pullOperator(store, options, (sound) => ({ ...sound, gap: true }));
}

function newPattern(sound: EmbeddedSound, options: StorePatternsOptions): NewStoredPattern {
  const { type, confidence = 1, metadata = {}, clips = false } = options;
  const pattern = soundPattern(sound, {
    ...(type === undefined ? {} : { type }),
    confidence: typeof confidence === 'function' ? confidence(sound) : confidence,
  });
  const own = typeof metadata === 'function' ? metadata(sound) : metadata;
  const stored: NewStoredPattern = {
    pattern,
    metadata: { sourceId: sound.sourceId ?? 'unknown', encoder: sound.model, ...own },
  };
  if (clips && sound.samples !== undefined) stored.clip = encodeWav(sound.samples, sound.sampleRate);
  return stored;
}
