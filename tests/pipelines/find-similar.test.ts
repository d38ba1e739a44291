import { lastValueFrom, type Observable, toArray } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { findSimilar, type SimilarSounds } from '../../src/pipelines/find-similar.ts';
import { storePatterns } from '../../src/pipelines/store-patterns.ts';
import type { FeatureStorage } from '../../src/storage/feature-storage.ts';
import { DoubleMemory } from './doubles.ts';
import { pulled, soundsOf } from './sounds.ts';

describe('findSimilar', () => {
  it('finds for each sound, in order, those that are like it', async () => {
    const memory = new DoubleMemory();
    await lastValueFrom(pulled(soundsOf(20)).pipe(storePatterns(memory)));
    const found = await lastValueFrom(
      pulled(soundsOf(20).slice(5, 8)).pipe(
        findSimilar(memory, { maxResults: 2, similarityThreshold: 0.9 }),
        toArray(),
      ),
    );
    expect(found.map(({ sound }) => sound.seq)).toEqual([5, 6, 7]);
    for (const { sound, matches } of found) {
      expect(matches.length).toBe(2);
      expect(matches[0]).toMatchObject({
        similarity: expect.closeTo(1),
        pattern: { startTime: sound.startTime },
      });
    }
  });

  it('hands its search options and the encoder, and nothing else, to the memory', async () => {
    const asked: unknown[] = [];
    const memory: Pick<FeatureStorage, 'findSimilarPatterns'> = {
      findSimilarPatterns: async (_, options) => {
        asked.push(options);
        return [];
      },
    };
    const options = { maxResults: 3, where: { label: 'dog' }, buffer: 2, overflow: 'dropOldest' } as const;
    const sounds = soundsOf(1);
    await lastValueFrom(pulled(sounds).pipe(findSimilar(memory, options)));
    expect(asked).toEqual([{ maxResults: 3, where: { label: 'dog' }, encoder: sounds[0]!.model }]);
  });

  it('ends with the error of the memory', async () => {
    const memory = new DoubleMemory();
    memory.work = async () => {
      throw new Error('closed');
    };
    await expect(lastValueFrom(pulled(soundsOf(1)).pipe(findSimilar(memory)))).rejects.toThrow('closed');
  });

  it('has its types', () => {
    expectTypeOf(pulled(soundsOf(1)).pipe(findSimilar({} as FeatureStorage))).toEqualTypeOf<
      Observable<SimilarSounds>
    >();
  });
});
