import { describe, expect, test } from 'vitest';
import { Sketcher, sketchLength } from '../../src/sounds/sketch.ts';
import { nearestPerLabel, suggest } from '../../src/sounds/suggestions.ts';
import { dimensions, MadeSounds } from './made-sounds.ts';

/** Sounds given as [kind, label number or -1]. */
function input(sounds: [kind: number, label: number][], spread = 0.3) {
  const made = new MadeSounds(5);
  const vectors = new Float32Array(sounds.length * dimensions);
  for (const [i, [kind]] of sounds.entries()) vectors.set(made.vector(kind, spread), i * dimensions);
  const sketcher = new Sketcher(vectors, dimensions);
  const sketches = new Float32Array(sounds.length * sketchLength);
  for (let i = 0; i < sounds.length; i++)
    sketcher.sketch(vectors, i * dimensions, sketches, i * sketchLength);
  const rows = sounds.map((_, i) => i);
  const labelled = rows.filter((row) => (sounds[row] as [number, number])[1] >= 0);
  return {
    sketches,
    unlabelled: Uint32Array.from(rows.filter((row) => !labelled.includes(row))),
    labelled: Uint32Array.from(labelled),
    labels: Uint32Array.from(labelled, (row) => (sounds[row] as [number, number])[1]),
    threshold: 0.8,
  };
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe('suggest', () => {
  test('puts like sounds without a label into one group each, the largest first', () => {
    const { groups } = suggest(
      input([...times(4, [0, -1] as [number, number]), ...times(9, [1, -1] as [number, number]), [2, -1]]),
    );
    expect(groups.map(({ rows }) => rows.length)).toEqual([9, 4]);
    expect(groups[0]?.rows.every((row) => row >= 4 && row < 13)).toBe(true);
    expect(groups[0]?.guess).toBeUndefined();
  });

  test('guesses the label of a group that is like labelled sounds', () => {
    const sounds = [...times(5, [0, -1]), ...times(3, [0, 7]), ...times(3, [1, 8])] as [number, number][];
    expect(suggest(input(sounds)).groups[0]?.guess).toBe(7);
  });

  test('finds the label that its neighbours contradict, and no other', () => {
    const sounds = [...times(8, [0, 0]), ...times(8, [1, 1]), [0, 1]] as [number, number][];
    expect(suggest(input(sounds)).contradictions).toEqual([{ row: 16, label: 1, suggested: 0 }]);
  });

  test('says nothing against a label with two sounds of its own far from the others', () => {
    const sounds = [...times(8, [0, 0]), ...times(2, [1, 1])] as [number, number][];
    expect(suggest(input(sounds)).contradictions).toEqual([]);
  });

  test('asks about a sound between two labels, not about one far from all', () => {
    const made = input(
      [...times(5, [0, 0]), ...times(5, [1, 1]), [2, -1], [0, -1]] as [number, number][],
      0.2,
    );
    // The last sound is moved to the middle of the two kinds.
    const middle = 11 * sketchLength;
    for (let i = 0; i < sketchLength; i++) {
      const one = made.sketches[i] as number;
      const other = made.sketches[5 * sketchLength + i] as number;
      made.sketches[middle + i] = (one + other) / Math.SQRT2;
    }
    const { uncertain } = suggest({ ...made, threshold: 0.75 });
    expect(uncertain.map(({ row }) => row)).toEqual([11]);
    expect([...(uncertain[0]?.labels ?? [])].sort()).toEqual([0, 1]);
  });

  test('learns from labels how alike two sounds must be to be the same', () => {
    const wide = suggest(input([...times(10, [0, 0]), ...times(10, [1, 1])] as [number, number][], 1));
    const narrow = suggest(input([...times(10, [0, 0]), ...times(10, [1, 1])] as [number, number][], 0.2));
    expect(wide.threshold).toBeLessThan(narrow.threshold);
    expect(
      suggest(
        input([
          [0, 0],
          [1, 1],
        ]),
      ).threshold,
    ).toBe(0.8);
  });

  test('has nothing to say about nothing', () => {
    const nothing = {
      sketches: new Float32Array(),
      unlabelled: new Uint32Array(),
      labelled: new Uint32Array(),
      labels: new Uint32Array(),
      threshold: 0.8,
    };
    expect(suggest(nothing)).toEqual({ groups: [], uncertain: [], contradictions: [], threshold: 0.8 });
  });
});

test('nearestPerLabel leaves the sound itself out', () => {
  const made = input([
    [0, 0],
    [0, 0],
    [1, 1],
  ]);
  const nearest = nearestPerLabel(made, 0);
  expect(nearest.map(({ row, label }) => [row, label])).toEqual([
    [1, 0],
    [2, 1],
  ]);
});
