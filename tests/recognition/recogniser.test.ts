import { throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Pattern, PatternMetadata } from '../../src/pattern.ts';
import { recognise } from '../../src/pipelines/recognise.ts';
import { learnThresholds } from '../../src/recognition/label-thresholds.ts';
import { LabelledExamples } from '../../src/recognition/labelled-examples.ts';
import { Recogniser, type RecogniserOptions } from '../../src/recognition/recogniser.ts';
import { DoubleMemory } from '../pipelines/doubles.ts';

const dimensions = 64;

/** Repeatable normal deviates. */
function gaussian(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** A kind of sound: examples of it are like each other, with a cosine of about `likeness`. */
function kind(seed: number, likeness: number): () => Float32Array {
  const random = gaussian(seed);
  const centre = Float32Array.from({ length: dimensions }, random);
  const spread = Math.sqrt(1 / likeness - 1);
  return () => centre.map((value) => value + spread * random());
}

let stored = 0;
async function teach(
  memory: DoubleMemory,
  features: Float32Array,
  metadata: Partial<PatternMetadata>,
): Promise<string> {
  const number = stored++;
  const pattern: Omit<Pattern, 'id'> & { id: string } = {
    id: `example ${number}`,
    startTime: 0,
    endTime: 1,
    frequencyRange: { low: 0, high: 8000 },
    confidence: 1,
    type: 'sound',
    features,
  };
  const [id] = await memory.storePatterns([
    { pattern, metadata: { sourceId: `recording ${number}`, ...metadata } },
  ]);
  return id!;
}

async function ask(memory: DoubleMemory, features: Float32Array, options: RecogniserOptions = {}) {
  const recogniser = new Recogniser(memory, options);
  const answer = await recogniser.recognise(features);
  recogniser.close();
  return answer;
}

describe('Recogniser', () => {
  it('knows nothing before it is taught', async () => {
    const answer = await ask(new DoubleMemory(), kind(1, 0.8)());
    expect(answer).toEqual({ reason: 'nothing-taught', confidence: 1, votes: [] });
  });

  it('recognises from one example', async () => {
    const memory = new DoubleMemory();
    const bell = kind(1, 0.9);
    const id = await teach(memory, bell(), { label: 'bell' });
    expect(await ask(memory, bell())).toMatchObject({ label: 'bell', votes: [{ nearest: id }] });
    expect(await ask(memory, kind(2, 0.9)())).toMatchObject({ reason: 'none-of-these' });
  });

  it('learns how far each label reaches: a varied sound further than a constant one', async () => {
    const memory = new DoubleMemory();
    const constant = kind(3, 0.95);
    const varied = kind(4, 0.55);
    for (let i = 0; i < 12; i++) {
      await teach(memory, constant(), { label: 'beep' });
      await teach(memory, varied(), { label: 'dog' });
    }
    const { thresholds } = await learnThresholds(await LabelledExamples.read(memory), 0.6);
    expect(thresholds.get('beep')!).toBeGreaterThan(thresholds.get('dog')! + 0.05);
    let right = 0;
    for (let i = 0; i < 50; i++) if ((await ask(memory, varied())).label === 'dog') right++;
    expect(right).toBeGreaterThanOrEqual(45);
  });

  it('says "none of these" to what it was never taught, and means it', async () => {
    const memory = new DoubleMemory();
    const known = Array.from({ length: 8 }, (_, i) => kind(10 + i, 0.7));
    for (const [i, make] of known.entries()) {
      for (let k = 0; k < 5; k++) await teach(memory, make(), { label: `sound ${i}` });
    }
    const recogniser = new Recogniser(memory);
    let right = 0;
    let falsely = 0;
    for (let i = 0; i < 20; i++) {
      for (const [label, make] of known.entries()) {
        if ((await recogniser.recognise(make())).label === `sound ${label}`) right++;
      }
      if ((await recogniser.recognise(kind(100 + i, 0.7)())).label !== undefined) falsely++;
    }
    recogniser.close();
    expect(right).toBeGreaterThanOrEqual(150);
    expect(falsely).toBe(0);
  });

  it('answers background with background', async () => {
    const memory = new DoubleMemory();
    const fan = kind(30, 0.8);
    await teach(memory, fan(), { label: 'background' });
    await teach(memory, kind(31, 0.8)(), { label: 'bell' });
    expect(await ask(memory, fan())).toMatchObject({ reason: 'background' });
    expect(await ask(memory, fan(), { backgroundLabels: [] })).toMatchObject({ label: 'background' });
  });

  it('believes a correction: what was taught as not being a bell is none', async () => {
    const memory = new DoubleMemory();
    const bell = kind(40, 0.8);
    for (let i = 0; i < 3; i++) await teach(memory, bell(), { label: 'bell' });
    const mistaken = bell();
    expect(await ask(memory, mistaken)).toMatchObject({ label: 'bell' });
    await teach(memory, mistaken, { label: 'background', notLabel: 'bell' });
    expect(await ask(memory, mistaken)).toMatchObject({ reason: 'background' });
  });

  it('believes a counterexample that has no label of its own, and takes it up at once', async () => {
    const memory = new DoubleMemory();
    const bell = kind(40, 0.8);
    for (let i = 0; i < 3; i++) await teach(memory, bell(), { label: 'bell' });
    await teach(memory, kind(41, 0.8)(), { label: 'dog' });
    const mistaken = bell();
    const recogniser = new Recogniser(memory);
    expect(await recogniser.recognise(mistaken)).toMatchObject({ label: 'bell' });
    const { thresholds } = await learnThresholds(await LabelledExamples.read(memory), 0.6);
    const id = await teach(memory, mistaken, { notLabel: ['phone', 'bell'] });
    expect(await recogniser.recognise(mistaken)).toMatchObject({ reason: 'none-of-these' });
    // Of the other labels it says nothing.
    expect((await learnThresholds(await LabelledExamples.read(memory), 0.6)).thresholds).toEqual(thresholds);
    memory.forget(id);
    expect(await recogniser.recognise(mistaken)).toMatchObject({ label: 'bell' });
    recogniser.close();
  });

  it('takes up at once what is taught, relabelled and deleted', async () => {
    const memory = new DoubleMemory();
    const bell = kind(50, 0.9);
    const recogniser = new Recogniser(memory);
    expect((await recogniser.recognise(bell())).reason).toBe('nothing-taught');
    const id = await teach(memory, bell(), { label: 'bell' });
    expect((await recogniser.recognise(bell())).label).toBe('bell');
    const example = memory.patterns.get(id)!;
    await memory.storePatterns([{ ...example, metadata: { ...example.metadata, label: 'phone' } }]);
    expect((await recogniser.recognise(bell())).label).toBe('phone');
    memory.forget(id);
    expect((await recogniser.recognise(bell())).reason).toBe('nothing-taught');
    recogniser.close();
    expect(memory.watchers).toBe(0);
  });

  it.each([
    { change: 'taught', known: ['bell', 'dog', 'phone'] },
    { change: 'deleted', known: ['phone'] },
  ])('takes up what is $change while it reads the memory for another sound', async ({ change, known }) => {
    const memory = new DoubleMemory();
    const bell = kind(55, 0.9);
    const dog = await teach(memory, kind(56, 0.9)(), { label: 'dog' });
    await teach(memory, kind(57, 0.9)(), { label: 'phone' });
    const recogniser = new Recogniser(memory);
    // The memory answers about the dog, and is slow with what is asked then.
    const slow = Promise.withResolvers<void>();
    let questions = 0;
    memory.work = async () => {
      if (questions++ > 0) await slow.promise;
    };
    const first = recogniser.recognise(bell());
    await new Promise(setImmediate);
    memory.work = async () => undefined;
    if (change === 'deleted') memory.forget(dog);
    else await teach(memory, bell(), { label: 'bell' });
    const second = recogniser.recognise(bell());
    slow.resolve();
    for (const asked of [second, first.then(() => recogniser.recognise(bell()))])
      expect((await asked).votes.map(({ label }) => label).sort()).toEqual(known);
    recogniser.close();
  });

  it('leaves other work its turn while it learns, however many labels there are', async () => {
    const labels = 800;
    const patterns = Array.from({ length: 2 * labels }, (_, n) => ({
      pattern: {
        id: `p${n}`,
        startTime: 10 * n,
        endTime: 10 * n + 1,
        frequencyRange: { low: 0, high: 8000 },
        confidence: 1,
        type: 'sound',
        features: Float32Array.of(Math.sin(n % labels), Math.cos(n % labels), Math.sin(n)),
      },
      metadata: { sourceId: 'microphone', createdAt: n, lastModified: n, label: `sound ${n % labels}` },
    }));
    let [longest, began, over] = [0, process.cpuUsage(), false];
    const watch = () => {
      const { user, system } = process.cpuUsage(began);
      longest = Math.max(longest, (user + system) / 1000);
      began = process.cpuUsage();
      if (!over) setImmediate(watch);
    };
    const learning = learnThresholds(new LabelledExamples(patterns), 0.6);
    watch();
    await learning;
    over = true;
    watch();
    // It takes seconds in all.
    expect(longest).toBeLessThan(250);
  });

  it('follows a memory that was not open yet when it was first asked', async () => {
    const memory = new DoubleMemory();
    const bell = kind(59, 0.9);
    const watch = memory.watch.bind(memory);
    memory.watch = () => throwError(() => new Error('not open'));
    const recogniser = new Recogniser(memory);
    await recogniser.recognise(bell());
    memory.watch = watch;
    await recogniser.recognise(bell());
    await teach(memory, bell(), { label: 'bell' });
    expect((await recogniser.recognise(bell())).label).toBe('bell');
    recogniser.close();
  });

  it('is as sure as it is right', async () => {
    const memory = new DoubleMemory();
    const known = Array.from({ length: 10 }, (_, i) => kind(60 + i, 0.5));
    for (const [i, make] of known.entries()) {
      for (let k = 0; k < 6; k++) await teach(memory, make(), { label: `sound ${i}` });
    }
    const recogniser = new Recogniser(memory);
    await recogniser.learn();
    let sure = 0;
    let right = 0;
    let asked = 0;
    for (let i = 0; i < 30; i++) {
      for (const [label, make] of known.entries()) {
        const { votes } = await recogniser.recognise(make());
        sure += votes[0]!.confidence;
        if (votes[0]!.label === `sound ${label}`) right++;
        asked++;
      }
    }
    recogniser.close();
    expect(Math.abs(sure / asked - right / asked)).toBeLessThan(0.2);
  });

  it('does not learn from two cuts of one hearing that the sound never varies', async () => {
    const memory = new DoubleMemory();
    const dog = kind(80, 0.6);
    const once = dog();
    for (let i = 0; i < 5; i++) await teach(memory, once, { label: 'dog', sourceId: 'one recording' });
    const { thresholds } = await learnThresholds(await LabelledExamples.read(memory), 0.6);
    expect(thresholds.get('dog')).toBe(0.6);
  });

  it('asks a memory again that has failed', async () => {
    const memory = new DoubleMemory();
    const bell = kind(95, 0.9);
    await teach(memory, bell(), { label: 'bell' });
    const recogniser = new Recogniser(memory);
    expect((await recogniser.recognise(bell())).label).toBe('bell');
    await teach(memory, kind(96, 0.9)(), { label: 'dog' });
    memory.work = async () => {
      throw new Error('disk gone');
    };
    await expect(recogniser.recognise(bell())).rejects.toThrow('disk gone');
    memory.work = async () => undefined;
    expect((await recogniser.recognise(bell())).votes).toHaveLength(2);
    recogniser.close();
  });

  it.each([{ threshold: Number.NaN }, { threshold: 1.5 }, { minimumConfidence: Number.NaN }])(
    'refuses %o, which would name every sound or none',
    (options) => {
      const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
      expect(() => new Recogniser(new DoubleMemory(), options)).toThrow(refused);
      expect(() => recognise(new DoubleMemory(), options)).toThrow(refused);
    },
  );

  it('refuses a vector of another length than what was taught, also where its encoder is not known', async () => {
    const memory = new DoubleMemory();
    expect(await ask(memory, new Float32Array(5))).toMatchObject({ reason: 'nothing-taught' });
    await teach(memory, kind(90, 0.9)(), { label: 'bell' });
    await expect(ask(memory, new Float32Array(5))).rejects.toMatchObject({ code: 'DIMENSIONS' });
  });
});
