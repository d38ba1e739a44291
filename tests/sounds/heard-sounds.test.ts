import { Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HeardSounds, type NewHeardSound } from '../../src/sounds/heard-sounds.ts';
import type { PatternChange } from '../../src/storage/index.ts';

const megabyte = 2 ** 20;

/** The sound from `second` on; its vector is of this take. */
function sound(second: number, clipBytes?: number, take = second): NewHeardSound {
  return {
    pattern: {
      startTime: second,
      endTime: second + 1,
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
  const seconds = () => heard.summaries().map(({ startTime }) => startTime);

  test('tells what was heard, newest first, and what it was taken for', () => {
    for (const second of [1, 2, 3]) heard.hear(sound(second));
    expect(seconds()).toEqual([3, 2, 1]);
    expect(heard.summaries()[0]).toMatchObject({
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
    expect(heard.summaries().map(({ heardAs }) => heardAs?.label)).toEqual(['bell']);
    vi.setSystemTime(Date.now() + 1500);
    heard.hear(sound(1));
    expect(seconds()).toEqual([1, 1]);
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
    expect(heard.get(heard.summaries()[0]!.id)).not.toHaveProperty('clip');
  });

  test('room that is left is used again', () => {
    for (let i = 0; i < 20; i++) {
      heard.hear(sound(i, 7 * megabyte));
      heard.remove(heard.summaries()[0]!.id);
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
    const { pattern, clip } = heard.get(heard.summaries()[0]!.id)!;
    expect([...pattern.features]).toEqual([1, 1]);
    expect(clip).toEqual(new Uint8Array(10));
  });

  test('a sound that is stored leaves the list, also under an id of its own', () => {
    for (const second of [1, 2]) heard.hear(sound(second));
    store(sound(1), 'stored by the flow');
    expect(seconds()).toEqual([2]);
    store(sound(2), heard.summaries()[0]!.id);
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
    store(sound(1), heard.summaries()[0]!.id);
    heard.hear(sound(1));
    expect(seconds()).toEqual([1]);
  });

  test('tells when to look again', () => {
    let told = 0;
    heard.changes$.subscribe(() => told++);
    heard.hear(sound(1));
    expect(told).toBe(1);
    const sound1 = heard.remove(heard.summaries()[0]!.id)!;
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
