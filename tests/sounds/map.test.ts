import { Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { StoredPattern } from '../../src/pattern.ts';
import { Catalogue } from '../../src/sounds/catalogue.ts';
import { Landmarks } from '../../src/sounds/landmarks.ts';
import { neighbourLayout } from '../../src/sounds/neighbour-layout.ts';
import { packMap, unpackMap } from '../../src/sounds/packed-map.ts';
import { likeness, Sketcher, sketchLength } from '../../src/sounds/sketch.ts';
import { SoundMap } from '../../src/sounds/sound-map.ts';
import type { PatternChange } from '../../src/storage/index.ts';
import { cosine, dimensions, MadeSounds } from './made-sounds.ts';

const kinds = 6;

function sketched(count: number) {
  const sounds = new MadeSounds();
  const vectors = Array.from({ length: count }, (_, i) => sounds.vector(i % kinds));
  const flat = new Float32Array(count * dimensions);
  for (const [i, vector] of vectors.entries()) flat.set(vector, i * dimensions);
  const sketcher = new Sketcher(flat, dimensions);
  const sketches = new Float32Array(count * sketchLength);
  for (let i = 0; i < count; i++) sketcher.sketch(flat, i * dimensions, sketches, i * sketchLength);
  return { vectors, sketcher, sketches };
}

function distance(positions: Float32Array, a: number, b: number): number {
  return Math.hypot(
    (positions[2 * a] as number) - (positions[2 * b] as number),
    (positions[2 * a + 1] as number) - (positions[2 * b + 1] as number),
  );
}

describe('Sketcher', () => {
  test('keeps the likeness of sounds that were in the sample', () => {
    const { vectors, sketches } = sketched(300);
    for (let i = 0; i < 100; i++) {
      const true_ = cosine(vectors[i] as Float32Array, vectors[299 - i] as Float32Array);
      expect(likeness(sketches, i, 299 - i)).toBeCloseTo(true_, 1);
    }
  });

  test('does not care how long a vector is, and takes silence', () => {
    const { vectors, sketcher } = sketched(50);
    const target = new Float32Array(3 * sketchLength);
    const vector = vectors[0] as Float32Array;
    sketcher.sketch(vector, 0, target, 0);
    sketcher.sketch(
      vector.map((value) => 5 * value),
      0,
      target,
      sketchLength,
    );
    sketcher.sketch(new Float32Array(dimensions), 0, target, 2 * sketchLength);
    expect(likeness(target, 0, 1)).toBeCloseTo(likeness(target, 0, 0), 4);
    expect(likeness(target, 2, 2)).toBe(0);
  });

  test('a single vector is enough to begin with', () => {
    const { sketches } = sketched(1);
    expect(likeness(sketches, 0, 0)).toBeCloseTo(1, 3);
  });
});

describe('neighbourLayout', () => {
  test('the nearest points of a sound are of its own kind', () => {
    const count = 300;
    const positions = neighbourLayout(sketched(count).sketches);
    let own = 0;
    for (let i = 0; i < count; i++) {
      let nearest = -1;
      for (let j = 0; j < count; j++) {
        if (j === i) continue;
        if (nearest < 0 || distance(positions, i, j) < distance(positions, i, nearest)) nearest = j;
      }
      if (nearest % kinds === i % kinds) own++;
    }
    expect(own / count).toBeGreaterThan(0.95);
    expect(positions.every(Number.isFinite)).toBe(true);
  });

  test.each([0, 1, 2, 3, 5])('%i sounds have finite places', (count) => {
    const { sketches } = count === 0 ? { sketches: new Float32Array() } : sketched(count);
    const positions = neighbourLayout(sketches);
    expect(positions.length).toBe(2 * count);
    expect(positions.every(Number.isFinite)).toBe(true);
  });

  test('equal sounds do not break it', () => {
    const sketches = new Float32Array(20 * sketchLength).fill(0.1);
    expect(neighbourLayout(sketches).every(Number.isFinite)).toBe(true);
  });

  test('a landmark is placed where it lies, a new sound among its kind', () => {
    const { sketches, sketcher } = sketched(300);
    const positions = neighbourLayout(sketches);
    const landmarks = new Landmarks(sketches, positions);
    const [x, y] = landmarks.place(sketches, 7 * sketchLength);
    expect(Math.hypot(x - (positions[14] as number), y - (positions[15] as number))).toBeLessThan(0.1);

    const sounds = new MadeSounds();
    for (let i = 0; i < 300; i++) sounds.vector(i % kinds);
    const target = new Float32Array(sketchLength);
    sketcher.sketch(sounds.vector(2), 0, target, 0);
    const place = Float32Array.from([...positions, ...landmarks.place(target, 0)]);
    const nearest = Array.from({ length: 300 }, (_, i) => i).sort(
      (one, other) => distance(place, one, 300) - distance(place, other, 300),
    )[0] as number;
    expect(nearest % kinds).toBe(2);
  });
});

function stored(id: string, label?: string) {
  return {
    pattern: { ...new MadeSounds().pattern(id, 0).pattern, id },
    metadata: { sourceId: 's', createdAt: 5, lastModified: 1, ...(label === undefined ? {} : { label }) },
  };
}

describe('Catalogue', () => {
  test('counts labels as sounds come, change and go', () => {
    const catalogue = new Catalogue();
    for (let i = 0; i < 3000; i++) catalogue.put(stored(`s${i}`, i % 3 === 0 ? 'bell' : undefined));
    expect(catalogue.labels()).toEqual([{ label: 'bell', number: 0, sounds: 1000, lastHeard: 5 }]);
    catalogue.put(stored('s0', 'door'));
    catalogue.remove('s3');
    expect(catalogue.size).toBe(2999);
    expect(catalogue.labels().map(({ label, sounds }) => [label, sounds])).toEqual([
      ['bell', 998],
      ['door', 1],
    ]);
  });

  test('a row is never given to another sound', () => {
    const catalogue = new Catalogue();
    const row = catalogue.put(stored('a'));
    catalogue.remove('a');
    expect(catalogue.put(stored('b'))).not.toBe(row);
    expect(catalogue.idOf(row)).toBeUndefined();
  });
});

describe('SoundMap', () => {
  test('what changes while the memory is read counts, not what was read before, whatever the clock says', async () => {
    const changes = new Subject<PatternChange>();
    const found = [stored('a', 'old'), stored('b', 'old')];
    const renamed = stored('b', 'new');
    // A clock that was set back.
    renamed.metadata.lastModified = 0;
    const map = new SoundMap(
      {
        watch: () => changes,
        countPatterns: async () => 2,
        getPatternById: async () => renamed,
        iteratePatterns: async function* () {
          yield found[0] as StoredPattern;
          changes.next({ kind: 'updated', id: 'b', stored: renamed });
          yield found[1] as StoredPattern;
        },
      },
      0.8,
    );
    await map.settled();
    const labels = () => map.catalogue.labels().map(({ label }) => label);
    expect(labels()).toEqual(['new', 'old']);
    renamed.metadata = { ...renamed.metadata, label: 'newer', lastModified: -1 };
    changes.next({ kind: 'updated', id: 'b', stored: renamed });
    expect(labels()).toEqual(['newer', 'old']);
    await map.close();
  });

  test('a sound that is deleted while a small memory is laid out anew does not come back', async () => {
    const changes = new Subject<PatternChange>();
    const sounds = [stored('a')];
    // Each layout reads it twice.
    let readings = 0;
    const map = new SoundMap(
      {
        watch: () => changes,
        countPatterns: async () => sounds.length,
        getPatternById: async () => undefined,
        iteratePatterns: async function* () {
          if (++readings === 3) changes.next({ kind: 'deleted', id: 'a' });
          yield* sounds;
        },
      },
      0.8,
    );
    await map.settled();
    const second = stored('b');
    sounds.push(second);
    changes.next({ kind: 'stored', id: 'b', stored: second });
    await expect.poll(() => [readings, map.progress.phase], { timeout: 20_000 }).toEqual([4, 'ready']);
    expect([...'ab'].map((id) => map.catalogue.rowOf(id))).toEqual([undefined, 1]);
    await map.close();
  });
});

describe('packMap', () => {
  test('carries rows, places and labels of what has a place, and its header', () => {
    const catalogue = new Catalogue();
    for (const [id, label] of [['a', 'Glocke'], ['b'], ['c', '門鈴'], ['d']] as const)
      catalogue.put(stored(id, label));
    catalogue.place(0, -4, 2);
    catalogue.place(2, 1, 0);
    catalogue.place(3, 0, 0);
    catalogue.remove('d');
    const progress = { phase: 'placing', done: 2, total: 4 } as const;
    const { header, rows, positions, labels } = unpackMap(
      packMap({ catalogue, progress, revision: 7 }, 3).buffer,
    );
    expect(header).toEqual({ generation: 3, revision: 7, progress, points: 2, labels: ['Glocke', '門鈴'] });
    expect([...rows]).toEqual([0, 2]);
    expect([...positions]).toEqual([-32767, 13107, 32767, -13107]);
    expect([...labels]).toEqual([1, 2]);
  });

  test('an empty memory is an empty map', () => {
    const progress = { phase: 'ready', done: 0, total: 0 } as const;
    const bytes = packMap({ catalogue: new Catalogue(), progress, revision: 0 }, 1).buffer;
    expect(unpackMap(bytes).header.points).toBe(0);
  });
});
