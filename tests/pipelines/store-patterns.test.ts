import { from, lastValueFrom, type Observable, toArray } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { WavDecoder } from '../../src/audio/wav-decoder.ts';
import type { EmbeddedSound } from '../../src/pipelines/embedded-sound.ts';
import { PullObservable } from '../../src/pipelines/pull-observable.ts';
import { type StoredSound, storePatterns } from '../../src/pipelines/store-patterns.ts';
import type { FeatureStorage } from '../../src/storage/feature-storage.ts';
import { DoubleMemory } from './doubles.ts';
import { pulled, soundsOf, turn } from './sounds.ts';

describe('storePatterns', () => {
  it('stores each sound with what is known of it and passes it on with its id', async () => {
    const memory = new DoubleMemory();
    const [sound] = soundsOf(1, { sourceId: 'door', startTime: 2, endTime: 2.5 });
    const stored = await lastValueFrom(
      pulled([sound!]).pipe(
        storePatterns(memory, { type: 'bell', confidence: 0.7, metadata: { label: 'doorbell' } }),
      ),
    );
    expect(memory.patterns.get(stored.pattern.id)).toMatchObject({
      pattern: {
        startTime: 2,
        endTime: 2.5,
        type: 'bell',
        confidence: 0.7,
        frequencyRange: sound!.frequencyRange,
      },
      metadata: { sourceId: 'door', label: 'doorbell', encoder: sound!.model },
    });
    expect(stored.sound).toBe(sound);
  });

  it('asks for metadata and confidence per sound', async () => {
    const memory = new DoubleMemory();
    const options = {
      metadata: ({ seq }: EmbeddedSound) => ({ label: `number ${seq}` }),
      confidence: ({ seq }: EmbeddedSound) => seq / 10,
    };
    const stored = await lastValueFrom(pulled(soundsOf(3)).pipe(storePatterns(memory, options), toArray()));
    expect(stored.map(({ metadata, pattern }) => [metadata.label, pattern.confidence])).toEqual([
      ['number 0', 0],
      ['number 1', 0.1],
      ['number 2', 0.2],
    ]);
  });

  it('stores the audio where it is there and asked for', async () => {
    const clips: (Uint8Array | undefined)[] = [];
    const memory = {
      storePatterns: async (patterns: Parameters<FeatureStorage['storePatterns']>[0]) => {
        clips.push(...patterns.map(({ clip }) => clip));
        return patterns.map((_, i) => `${i}`);
      },
    };
    const sounds = soundsOf(2);
    sounds[0]!.samples = new Float32Array(1600).fill(0.5);
    await lastValueFrom(pulled(sounds).pipe(storePatterns(memory, { clips: true }), toArray()));
    expect(new WavDecoder().push(clips[0]!).length).toBe(1600);
    expect(clips[1]).toBeUndefined();
  });

  it('stores one by one what comes slowly, in batches what comes fast, and all in order', async () => {
    const slow = new DoubleMemory();
    const oneByOne = new PullObservable<EmbeddedSound>(async function* () {
      for (const sound of soundsOf(4)) {
        yield sound;
        await new Promise((resolve) => setTimeout(resolve, 70));
      }
    });
    await lastValueFrom(oneByOne.pipe(storePatterns(slow), toArray()));
    expect(slow.batches).toEqual([1, 1, 1, 1]);

    const fast = new DoubleMemory();
    fast.work = turn;
    const stored = await lastValueFrom(
      pulled(soundsOf(40)).pipe(storePatterns(fast, { maxBatch: 16 }), toArray()),
    );
    expect(stored.map(({ sound }) => sound.seq)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(Math.max(...fast.batches)).toBe(16);
    expect(fast.batches.length).toBeLessThan(6);
  });

  it('shares transactions between sounds that come quickly, however quick the memory is', async () => {
    const memory = new DoubleMemory();
    const everyFewMilliseconds = new PullObservable<EmbeddedSound>(async function* () {
      for (const sound of soundsOf(30)) {
        yield sound;
        await new Promise((resolve) => setTimeout(resolve, 4));
      }
    });
    const began = performance.now();
    const stored = await lastValueFrom(everyFewMilliseconds.pipe(storePatterns(memory), toArray()));
    const fiftieths = (performance.now() - began) / 50;
    expect(stored.map(({ sound }) => sound.seq)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(memory.batches[0]).toBe(1);
    expect(memory.batches.length).toBeLessThanOrEqual(2 + fiftieths);
  });

  it('reads no further ahead than one batch', async () => {
    const memory = new DoubleMemory();
    let made = 0;
    const source = new PullObservable<EmbeddedSound>(async function* () {
      for (const sound of soundsOf(100)) {
        made++;
        yield sound;
      }
    });
    let read = 0;
    for await (const _ of source.pipe(
      storePatterns(memory, { maxBatch: 5 }),
    ) as PullObservable<StoredSound>) {
      read++;
      await turn();
      expect(made).toBeLessThanOrEqual(read + 11);
    }
    expect(read).toBe(100);
  });

  it('ends with the error of the memory', async () => {
    const memory = new DoubleMemory();
    memory.work = async () => {
      throw new Error('disk full');
    };
    await expect(lastValueFrom(pulled(soundsOf(3)).pipe(storePatterns(memory), toArray()))).rejects.toThrow(
      'disk full',
    );
  });

  it('has the types of sounds and stored sounds, and takes a FeatureStorage', () => {
    const memory = {} as FeatureStorage;
    expectTypeOf(from(soundsOf(1)).pipe(storePatterns(memory))).toEqualTypeOf<Observable<StoredSound>>();
  });
});
