import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type HeardSound,
  HeardSounds,
  type NewHeardSound,
  summariseHeard,
} from '../../src/sounds/heard-sounds.ts';
import type { HeardAnswer, SoundSummary } from '../../src/sounds/sound-summary.ts';
import type { PatternChange } from '../../src/storage/index.ts';

const megabyte = 2 ** 20;

/** The sound in the first half of `second`; its vector is of this take. */
function sound(second: number, clipBytes?: number, take = second): NewHeardSound {
  return {
    pattern: {
      startTime: second,
      endTime: second + 0.5,
      frequencyRange: { low: 200, high: 4000 },
      confidence: 1,
      type: 'sound',
      features: Float32Array.of(1, take),
    },
    metadata: { sourceId: 'hall' },
    ...(clipBytes !== undefined && { clip: new Uint8Array(clipBytes) }),
    answer: { label: 'bell', confidence: 0.9 },
  };
}

describe('HeardSounds', () => {
  let changes: Subject<PatternChange>;
  let heard: HeardSounds;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    changes = new Subject();
    heard = new HeardSounds({ watch: () => changes });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const store = ({ pattern, metadata }: NewHeardSound, id: string) =>
    changes.next({
      kind: 'stored',
      id,
      stored: {
        pattern: { ...pattern, id },
        metadata: { ...metadata, createdAt: 1, lastModified: 1 },
      },
    });
  const summaries = () => heard.newestFirst().map(summariseHeard);
  const seconds = () => summaries().map(({ startTime }) => startTime);

  test('tells what was heard, newest first, and what it was taken for', () => {
    for (const second of [1, 2, 3]) heard.hear(sound(second));
    expect(seconds()).toEqual([3, 2, 1]);
    expect(summaries()[0]).toMatchObject({
      sourceId: 'hall',
      createdAt: Date.now(),
      heardAs: { label: 'bell', confidence: 0.9 },
    });
  });

  test('lists a sound once that two nodes ask about, by its name, and twice when it is played again', () => {
    const unnamed = { ...sound(1), answer: { confidence: 0.8 } };
    heard.hear(unnamed);
    heard.hear(sound(1));
    heard.hear(unnamed);
    expect(summaries().map(({ heardAs }) => heardAs?.label)).toEqual(['bell']);
    vi.setSystemTime(Date.now() + 1500);
    heard.hear(sound(1));
    expect(seconds()).toEqual([1, 1]);
  });

  describe('of a sound that goes on', () => {
    /** Windows of a second, two of them a second; `direction` is that of their vector. */
    const window = (start: number, answer: HeardAnswer, direction = 0, sourceId = 'hall'): NewHeardSound => ({
      ...sound(start),
      pattern: {
        ...sound(start).pattern,
        endTime: start + 1,
        features: Float32Array.of(Math.cos(direction), Math.sin(direction)),
      },
      metadata: { sourceId },
      answer,
    });
    const spans = () => summaries().map(({ startTime, endTime }) => [startTime, endTime]);

    test('makes one row of its windows, and keeps the surest', () => {
      const began = Date.now();
      for (let i = 0; i < 200; i++) {
        heard.hear(window(i / 2, { label: 'fan', confidence: i === 70 ? 0.95 : 0.9 }));
        vi.advanceTimersByTime(500);
      }
      expect(summaries()).toMatchObject([
        { startTime: 0, endTime: 100.5, createdAt: began, heardAs: { label: 'fan', confidence: 0.95 } },
      ]);
      const [{ pattern, metadata }] = heard.newestFirst() as [HeardSound];
      expect(pattern).toMatchObject({ startTime: 35, endTime: 36 });
      expect(metadata.createdAt).toBe(began + 35_000);
    });

    test('keeps its id and its place while surer windows come, and no more room than one', () => {
      heard.hear({ ...window(0, { label: 'fan', confidence: 0.5 }), clip: new Uint8Array(7 * megabyte) });
      const [{ id }] = summaries() as [SoundSummary];
      vi.advanceTimersByTime(100);
      heard.hear(window(0.25, { label: 'bell', confidence: 0.9 }));
      for (const [i, confidence] of [0.6, 0.7].entries()) {
        const next = window((i + 1) / 2, { label: 'fan', confidence });
        heard.hear({ ...next, clip: new Uint8Array(7 * megabyte) });
      }
      expect(summaries().map(({ heardAs }) => heardAs)).toEqual([
        { label: 'bell', confidence: 0.9 },
        { label: 'fan', confidence: 0.7 },
      ]);
      expect(summaries()[1]!.id).toBe(id);
    });

    test('makes one row of unknown windows that are alike, however they are mixed with others', () => {
      for (let i = 0; i < 6; i++) heard.hear(window(i / 2, { confidence: 0.9 }, i % 2 ? 0.5 : 0));
      vi.advanceTimersByTime(3000);
      heard.hear(window(3, { confidence: 0.9 }, 2));
      heard.hear(window(3.5, { confidence: 0.9 }, 0.2));
      expect(spans()).toEqual([
        [3, 4],
        [0, 4.5],
      ]);
    });

    test.each([
      ['after a pause', window(1.2, { label: 'fan', confidence: 0.9 })],
      ['by another name', window(0.5, { label: 'bell', confidence: 0.9 })],
      ['by none', window(0.5, { confidence: 0.9 })],
      ['from another source', window(0.5, { label: 'fan', confidence: 0.9 }, 0, 'yard')],
      ['from the beginning of the source', window(0, { label: 'fan', confidence: 0.9 })],
    ])('makes a row of its own of what comes %s', (_how, next) => {
      heard.hear(window(0, { label: 'fan', confidence: 0.9 }));
      vi.advanceTimersByTime(1500);
      heard.hear(next);
      expect(summaries()).toHaveLength(2);
    });

    test('does not go on with one of before the source started anew', () => {
      heard.hear(window(6, { label: 'fan', confidence: 0.9 }));
      vi.advanceTimersByTime(60_000);
      heard.hear(window(6.5, { label: 'fan', confidence: 0.9 }));
      expect(summaries()).toHaveLength(2);
    });

    test.each([
      ['first', true],
      ['last', false],
    ])('is one row where a second node, that does not know it, asks %s', (_which, unknownFirst) => {
      for (let i = 0; i < 10; i++) {
        const answers: HeardAnswer[] = [{ label: 'fan', confidence: 0.7 - i / 100 }, { confidence: 0.8 }];
        for (const answer of unknownFirst ? answers.reverse() : answers) heard.hear(window(i / 2, answer));
        vi.advanceTimersByTime(500);
      }
      expect(summaries()).toMatchObject([{ startTime: 0, endTime: 5.5, heardAs: { label: 'fan' } }]);
    });

    test('leaves the list when its surest piece is stored, as a flow does that stores events', () => {
      const pieces = [0.6, 0.9, 0.7].map((confidence, i) => window(i / 2, { label: 'fan', confidence }));
      for (const piece of pieces) heard.hear(piece);
      store(pieces[1]!, 'stored');
      expect(summaries()).toEqual([]);
    });
  });

  test('keeps fifty sounds, the newest', () => {
    for (let second = 0; second < 60; second++) heard.hear(sound(second));
    expect(seconds()).toEqual(Array.from({ length: 50 }, (_, i) => 59 - i));
  });

  test('keeps 8 MiB of clips, and a sound whose clip is longer than that without it', () => {
    for (let second = 0; second < 5; second++) heard.hear(sound(second, 3 * megabyte));
    expect(seconds()).toEqual([4, 3]);
    heard.hear(sound(5, 9 * megabyte));
    expect(seconds()).toEqual([5, 4, 3]);
    expect(heard.get(summaries()[0]!.id)).not.toHaveProperty('clip');
  });

  test('room that is left is used again', () => {
    for (let i = 0; i < 20; i++) {
      heard.hear(sound(i, 7 * megabyte));
      heard.remove(summaries()[0]!.id);
    }
    heard.hear(sound(30, 3 * megabyte));
    heard.hear(sound(31, 3 * megabyte));
    expect(seconds()).toEqual([31, 30]);
  });

  test('is not changed by what becomes of the message', () => {
    const message = sound(1, 10);
    heard.hear(message);
    message.pattern.features.fill(0);
    message.clip!.fill(7);
    const { pattern, clip } = heard.get(summaries()[0]!.id)!;
    expect([...pattern.features]).toEqual([1, 1]);
    expect(clip).toEqual(new Uint8Array(10));
  });

  test('a sound that is stored leaves the list, also under an id of its own', () => {
    for (const second of [1, 2]) heard.hear(sound(second));
    store(sound(1), 'stored by the flow');
    expect(seconds()).toEqual([2]);
    store(sound(2), summaries()[0]!.id);
    expect(seconds()).toEqual([]);
  });

  test('another sound at the same time, and the same one at another time, stay', () => {
    heard.hear(sound(1));
    store(sound(1, undefined, 5), 'same time');
    store({ ...sound(7), pattern: { ...sound(7).pattern, features: Float32Array.of(1, 1) } }, 'same vector');
    expect(seconds()).toEqual([1]);
  });

  test('a sound that was stored a moment before it was heard does not come', () => {
    store(sound(1), 'a');
    heard.hear(sound(1));
    expect(seconds()).toEqual([]);
    // The file is played once more.
    heard.hear(sound(1));
    expect(seconds()).toEqual([1]);
  });

  test('what was stored long before was another hearing', () => {
    store(sound(1), 'a');
    vi.setSystemTime(Date.now() + 10_001);
    heard.hear(sound(1));
    expect(seconds()).toEqual([1]);
  });

  test('naming a sound does not hide its next hearing', () => {
    heard.hear(sound(1));
    store(sound(1), summaries()[0]!.id);
    heard.hear(sound(1));
    expect(seconds()).toEqual([1]);
  });

  test('tells when to look again', () => {
    let told = 0;
    heard.changes$.subscribe(() => told++);
    heard.hear(sound(1));
    expect(told).toBe(1);
    const sound1 = heard.remove(summaries()[0]!.id)!;
    expect(told).toBe(2);
    heard.remove('gone');
    expect(told).toBe(2);
    heard.putBack(sound1);
    expect([told, seconds()]).toEqual([3, [1]]);
  });

  test('close lets go of the memory and of all sounds', () => {
    heard.hear(sound(1));
    heard.close();
    expect(changes.observed).toBe(false);
    expect(seconds()).toEqual([]);
  });
});
