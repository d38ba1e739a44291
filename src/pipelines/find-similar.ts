import type { OperatorFunction } from 'rxjs';
import type { SimilarityOptions, SimilarPattern } from '../storage/feature-storage.ts';
import type { EmbeddedSound } from './embedded-sound.ts';
import type { FeatureMemory } from './feature-memory.ts';
import { type PushOptions, pullOperator } from './pull-operator.ts';

export interface FindSimilarOptions extends Omit<SimilarityOptions, 'explain'>, PushOptions {}

/** A sound with the remembered ones that are like it, the most similar first. */
export interface SimilarSounds {
  sound: EmbeddedSound;
  matches: SimilarPattern[];
}

/**
 * Finds, for each sound, the stored patterns that are like it. A failing memory ends the stream, and so does one that
 * another encoder filled.
 *
 * @example
 * ```ts
 * import { lastValueFrom } from 'rxjs';
 * import {
 *   extractFeatures, findSimilar, framePcm, fromFile, successes,
 * } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const { matches } = await lastValueFrom(
 *   fromFile(path).pipe(
 *     framePcm({ windowMs: 1000 }),
 *     extractFeatures(bridge),
 *     successes(),
 *     findSimilar(memory, { similarityThreshold: 0.6, maxResults: 3 }),
 *   ),
 * );
 * console.log(matches.map(({ metadata, similarity }) => [metadata.label, similarity]));
 * ```
 */
export function findSimilar(
  memory: Pick<FeatureMemory, 'findSimilarPatterns'>,
  options: FindSimilarOptions = {},
): OperatorFunction<EmbeddedSound, SimilarSounds> {
  const { buffer: _buffer, overflow: _overflow, onDrop: _onDrop, ...search } = options;
  async function* find(sounds: AsyncIterable<EmbeddedSound>): AsyncGenerator<SimilarSounds, void, undefined> {
    for await (const sound of sounds) {
      const matches = await memory.findSimilarPatterns(sound.features, { encoder: sound.model, ...search });
      yield { sound, matches };
    }
  }
  return pullOperator(find, options, (sound) => ({ ...sound, gap: true }));
}
