import { filter, lastValueFrom, type Observable, toArray } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { EmbeddedSound } from '../../src/pipelines/embedded-sound.ts';
import { type RecognisedSound, type RecogniseOptions, recognise } from '../../src/pipelines/recognise.ts';
import { storePatterns } from '../../src/pipelines/store-patterns.ts';
import type { FeatureStorage } from '../../src/storage/feature-storage.ts';
import { DoubleMemory } from './doubles.ts';
import { pulled, soundsOf, vector } from './sounds.ts';

/** A memory that knows a bell at angle 0 and a dog at angle 0.25. */
async function taught(): Promise<DoubleMemory> {
  const memory = new DoubleMemory();
  const examples = [0, 0.01, -0.01, 0.25, 0.26, 0.24].map((turns, i) => ({
    ...soundsOf(1, { features: vector(turns), sourceId: `recording ${i}` })[0]!,
    seq: i,
  }));
  const metadata = ({ seq }: EmbeddedSound) => ({ label: seq < 3 ? 'bell' : 'dog' });
  await lastValueFrom(pulled(examples).pipe(storePatterns(memory, { metadata })));
  return memory;
}

/** Half a second after each other, sounds in the directions of these angles. */
function heard(...turns: number[]): EmbeddedSound[] {
  return turns.map((angle, i) => ({
    ...soundsOf(1, { features: vector(angle), sourceId: 'microphone' })[0]!,
    seq: i,
    startTime: i / 2,
    endTime: i / 2 + 1,
  }));
}

const labels = async (memory: DoubleMemory, sounds: EmbeddedSound[], options: RecogniseOptions = {}) =>
  lastValueFrom(pulled(sounds).pipe(recognise(memory, options), toArray()));

describe('recognise', () => {
  it('names what it was taught and nothing else', async () => {
    const recognised = await labels(await taught(), heard(0.005, 0.245, 0.6), { holdBackMs: 0 });
    expect(recognised.map(({ label, reason }) => label ?? reason)).toEqual(['bell', 'dog', 'none-of-these']);
    expect(recognised.map(({ sound }) => sound.seq)).toEqual([0, 1, 2]);
  });

  it('ends where another encoder filled the memory: it would name sounds at random', async () => {
    const memory = await taught();
    const [sound] = heard(0) as [EmbeddedSound];
    const { stats } = memory;
    memory.stats = async () => ({ ...(await stats.call(memory)), encoder: sound.model });
    expect(await labels(memory, [sound])).toMatchObject([{ label: 'bell' }]);
    const other = { ...sound, model: { ...sound.model, revision: 'abcdefabcdef' } };
    await expect(labels(memory, [other])).rejects.toMatchObject({ code: 'ENCODER_MISMATCH' });
  });

  it('announces an event once, however many windows it lasts', async () => {
    const memory = await taught();
    const recognised = await labels(memory, heard(0, 0, 0, 0.6, 0, 0.25, 0.25), { holdBackMs: 2000 });
    expect(recognised.map(({ announce }) => announce)).toEqual([
      true,
      false,
      false,
      false,
      false,
      true,
      false,
    ]);
    expect(recognised[4]!.event).toEqual({
      label: 'bell',
      startTime: 0,
      endTime: 3,
      windows: 4,
      sourceId: 'microphone',
    });
    const events = pulled(heard(0, 0, 0.25)).pipe(
      recognise(memory),
      filter(({ announce }) => announce),
      toArray(),
    );
    expect((await lastValueFrom(events)).map(({ label }) => label)).toEqual(['bell', 'dog']);
  });

  it('asks for confirmation by the next window', async () => {
    const recognised = await labels(await taught(), heard(0, 0.25, 0.25, 0.25), { confirmations: 2 });
    expect(recognised.map(({ announce }) => announce)).toEqual([false, false, true, false]);
    expect(recognised[2]!.event).toMatchObject({ label: 'dog', startTime: 0.5, windows: 2 });
  });

  it('stops watching the memory with the stream', async () => {
    const memory = await taught();
    await labels(memory, heard(0, 0.25));
    expect(memory.watchers).toBe(0);
  });

  it('says at once which option is wrong', () => {
    expect(() => recognise(new DoubleMemory(), { confirmations: 0 })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('has its types, and takes a FeatureStorage', () => {
    expectTypeOf(pulled(heard(0)).pipe(recognise({} as FeatureStorage))).toEqualTypeOf<
      Observable<RecognisedSound>
    >();
  });
});
