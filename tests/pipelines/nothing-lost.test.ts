import fc from 'fast-check';
import { lastValueFrom, type Observable, type OperatorFunction, Subject, take, toArray } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { PcmChunk } from '../../src/audio/pcm.ts';
import type { EmbeddedSound, Outcome } from '../../src/pipelines/embedded-sound.ts';
import * as pipelines from '../../src/pipelines/index.ts';
import { PullObservable } from '../../src/pipelines/pull-observable.ts';
import { DoubleBridge, DoubleMemory, windowsOf } from './doubles.ts';
import { soundsOf, turn } from './sounds.ts';

/** Turns of the event loop that pass before a step; the steps take them in their own order. */
const delays = fc.array(fc.nat(2), { minLength: 1, maxLength: 12 });

interface Case {
  inputs: unknown[];
  /** An operator that waits as long as these delays say, and the numbers of its inputs in its outputs. */
  operator(pause: () => Promise<void>): { apply: OperatorFunction<never, unknown>; open(): number };
  number(output: never): number;
}

const none = () => 0;
const withMemory = (apply: (memory: DoubleMemory) => unknown) => (pause: () => Promise<void>) => {
  const memory = new DoubleMemory();
  memory.work = pause;
  return { apply: apply(memory) as OperatorFunction<never, unknown>, open: () => memory.watchers };
};
const sounds = soundsOf(24);

const cases: Record<string, Case> = {
  extractFeatures: {
    inputs: windowsOf(24),
    operator: (pause) => {
      const bridge = new DoubleBridge();
      bridge.work = pause;
      const apply = pipelines.extractFeatures(bridge) as unknown as OperatorFunction<never, unknown>;
      return { apply, open: () => bridge.sessions };
    },
    number: (outcome: Outcome<EmbeddedSound>) => (outcome.ok ? outcome.value.seq : Number.NaN),
  },
  successes: {
    inputs: sounds.map((value) => ({ ok: true, value })),
    operator: () => ({ apply: pipelines.successes() as OperatorFunction<never, unknown>, open: none }),
    number: ({ seq }: EmbeddedSound) => seq,
  },
  storePatterns: {
    inputs: sounds,
    operator: withMemory((memory) => pipelines.storePatterns(memory, { maxBatch: 5 })),
    number: ({ sound }: pipelines.StoredSound) => sound.seq,
  },
  findSimilar: {
    inputs: sounds,
    operator: withMemory((memory) => pipelines.findSimilar(memory)),
    number: ({ sound }: pipelines.SimilarSounds) => sound.seq,
  },
  queryPatterns: {
    inputs: sounds,
    operator: withMemory((memory) => {
      const asked = memory.queryPatterns.bind(memory);
      // The answer names its question.
      memory.queryPatterns = async (query) => {
        await asked(query);
        return [{ metadata: query }] as never;
      };
      return pipelines.queryPatterns(memory, ({ seq }: EmbeddedSound) => ({ limit: seq }));
    }),
    number: ([answer]: [{ metadata: { limit: number } }]) => answer.metadata.limit,
  },
  recognise: {
    inputs: sounds,
    operator: withMemory((memory) => pipelines.recognise(memory)),
    number: ({ sound }: pipelines.RecognisedSound) => sound.seq,
  },
};

describe.each(Object.entries(cases))('%s', (_name, { inputs, operator, number }) => {
  const all = inputs.map((_, i) => i);

  it('gives an answer to each input, in order, whoever is slow', async () => {
    await fc.assert(
      fc.asyncProperty(delays, delays, fc.boolean(), async (reading, working, pull) => {
        const { apply, open } = operator(pauses(working));
        const source = pull ? pulledSlowly(inputs, pauses(reading)) : pushed(inputs, reading);
        const outputs = await lastValueFrom((source as Observable<never>).pipe(apply, toArray()));
        expect((outputs as never[]).map(number)).toEqual(all);
        expect(open()).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  it('lets go, in the middle of anything, of all it holds', async () => {
    await fc.assert(
      fc.asyncProperty(delays, fc.integer({ min: 1, max: 8 }), async (working, wanted) => {
        const { apply, open } = operator(pauses(working));
        let reading = 0;
        const source = new PullObservable<never>(async function* () {
          reading++;
          try {
            yield* inputs as never[];
          } finally {
            reading--;
          }
        });
        const outputs = await lastValueFrom(source.pipe(apply, take(wanted), toArray()));
        expect((outputs as never[]).map(number)).toEqual(all.slice(0, wanted));
        await expect.poll(() => [reading, open()], { interval: 1 }).toEqual([0, 0]);
      }),
      { numRuns: 15 },
    );
  });
});

describe('the sources', () => {
  it('have the type of chunks', () => {
    const { fromFile, fromFolder, fromMicrophone, fromSource, fromUrl } = pipelines;
    for (const source of [fromFile, fromFolder, fromMicrophone, fromSource, fromUrl])
      expectTypeOf(source).returns.toEqualTypeOf<Observable<PcmChunk>>();
  });
});

/** Waits as the delays say, one after the other and from the start again. */
function pauses(turns: number[]): () => Promise<void> {
  let next = 0;
  return async () => {
    for (let i = turns[next++ % turns.length]!; i > 0; i--) await turn();
  };
}

function pulledSlowly<T>(values: T[], pause: () => Promise<void>): Observable<T> {
  return new PullObservable(async function* () {
    for (const value of values) {
      await pause();
      yield value;
    }
  });
}

/** In bursts as long as the delays; what has no room in the operator's buffer would end it with an error. */
function pushed<T>(values: T[], bursts: number[]): Observable<T> {
  const subject = new Subject<T>();
  const push = async () => {
    await turn();
    for (let at = 0, burst = 0; at < values.length; burst++) {
      const end = at + 1 + bursts[burst % bursts.length]!;
      for (const value of values.slice(at, end)) subject.next(value);
      at = end;
      await turn();
    }
    subject.complete();
  };
  void push();
  return subject;
}
