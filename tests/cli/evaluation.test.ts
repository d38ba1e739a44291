import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auroc } from '../../src/evaluation/auroc.ts';
import { scoreFewShot } from '../../src/evaluation/few-shot.ts';
import type { LabelledClip } from '../../src/evaluation/labelled-clip.ts';
import { parseManifest } from '../../src/evaluation/manifest.ts';
import { averagePrecision, scoreRetrieval } from '../../src/evaluation/retrieval.ts';
import { verdict } from '../../src/evaluation/verdict.ts';

/** Few distinct values, so that equal similarities are common. */
const clips: fc.Arbitrary<LabelledClip[]> = fc.array(
  fc.record({
    label: fc.constantFrom('bell', 'dog', 'rain'),
    group: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    features: fc
      .array(fc.integer({ min: -2, max: 2 }), { minLength: 3, maxLength: 3 })
      .map((values) => Float32Array.from(values)),
  }),
  { minLength: 2, maxLength: 24 },
);

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) =>
    x.reduce((sum, value, index) => sum + value * y[index]!, 0);
  const length = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b));
  return length === 0 ? 0 : dot(a, b) / length;
}

/** The definitions written down as they are read: sort everything, then look. */
function bruteForce(all: LabelledClip[], threshold: number) {
  const precisions: number[] = [];
  let right = 0;
  const unrelated: number[] = [];
  for (const [query, clip] of all.entries()) {
    const compared = all
      .map((other, index) => ({
        index,
        same: other.label === clip.label,
        group: other.group,
        similarity: Math.round(cosine(clip.features, other.features) * 1e5) / 1e5,
      }))
      .filter(({ index }) => index !== query);
    for (const hit of compared) if (!hit.same && hit.index > query) unrelated.push(hit.similarity);
    const ranked = compared
      .filter(({ group }) => group !== clip.group)
      .sort((a, b) => b.similarity - a.similarity || Number(a.same) - Number(b.same));
    if (!ranked.some(({ same }) => same)) continue;
    if (ranked[0]!.same) right += 1;
    const hits = ranked.flatMap(({ same }, index) => (same ? [index] : []));
    precisions.push(hits.reduce((sum, rank, index) => sum + (index + 1) / (rank + 1), 0) / hits.length);
  }
  return {
    asked: precisions.length,
    knn: right / precisions.length,
    map: precisions.reduce((sum, value) => sum + value, 0) / precisions.length,
    randomCosine: unrelated.reduce((sum, value) => sum + value, 0) / unrelated.length,
    falseMatch: unrelated.filter((value) => value >= threshold).length / unrelated.length,
    sorted: unrelated.sort((a, b) => a - b),
  };
}

describe('retrieval scores', () => {
  it('average precision is what sorting everything gives', () => {
    const scores = fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 20 }),
        scores,
        (same, other) => {
          const ranked = [...same.map((s) => ({ s, same: 1 })), ...other.map((s) => ({ s, same: 0 }))].sort(
            (a, b) => b.s - a.s || a.same - b.same,
          );
          const hits = ranked.flatMap((hit, index) => (hit.same ? [index] : []));
          const expected = hits.reduce((sum, rank, index) => sum + (index + 1) / (rank + 1), 0) / hits.length;
          expect(averagePrecision(same, other)).toBeCloseTo(expected, 12);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are what sorting everything gives, in any arrangement of labels and groups', async () => {
    await fc.assert(
      fc.asyncProperty(clips, async (all) => {
        // Vectors of small whole numbers that point the same way may differ in the last bit once scaled.
        const exact = all.map((clip) => ({ ...clip, features: snapped(clip.features) }));
        const threshold = 0.9001;
        const scores = await scoreRetrieval(exact, { threshold });
        const expected = bruteForce(exact, threshold);
        expect(scores.asked).toBe(expected.asked);
        expect(scores.unrelatedPairs).toBe(expected.sorted.length);
        if (expected.asked > 0) {
          expect(scores.knn).toBeCloseTo(expected.knn, 10);
          expect(scores.map).toBeCloseTo(expected.map, 10);
        }
        if (expected.sorted.length > 0) {
          expect(scores.randomCosine).toBeCloseTo(expected.randomCosine, 4);
          expect(scores.falseMatch).toBeCloseTo(expected.falseMatch, 10);
          const passing = expected.sorted.filter((value) => value >= scores.threshold1Percent).length;
          // No threshold keeps vectors apart that are the same.
          if (scores.threshold1Percent < 1)
            expect(passing / expected.sorted.length).toBeLessThanOrEqual(0.01);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('say which label is taken for which', async () => {
    const clip = (label: string, group: string, ...features: number[]) => ({
      label,
      group,
      features: Float32Array.from(features),
    });
    const { labels } = await scoreRetrieval(
      [
        clip('bell', '1', 1, 0),
        clip('bell', '2', 0.9, 0.1),
        clip('dog', '3', 0, 1),
        clip('dog', '4', 1, 0.05),
      ],
      { threshold: 0.5 },
    );
    expect(labels).toEqual([
      { label: 'bell', asked: 2, knn: 0, confusedWith: 'dog' },
      { label: 'dog', asked: 2, knn: 0, confusedWith: 'bell' },
    ]);
  });
});

/** One of the axes or diagonals: their cosines are exact or far apart. */
function snapped(features: Float32Array): Float32Array {
  const axis = features.findIndex((value) => value !== 0);
  const unit = new Float32Array(3);
  if (axis >= 0) unit[axis] = Math.sign(features[axis]!);
  return unit;
}

describe('auroc', () => {
  it('is the share of pairs that are in the right order', () => {
    const scores = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 25 });
    fc.assert(
      fc.property(scores, scores, (known, unknown) => {
        let right = 0;
        for (const k of known) for (const u of unknown) right += k > u ? 1 : k === u ? 0.5 : 0;
        expect(auroc(known, unknown)).toBeCloseTo(right / (known.length * unknown.length), 12);
      }),
    );
  });
});

describe('few-shot scores', () => {
  /** `recordings` of each label, each of its own group, around the label's own axis. */
  function clusters(labels: number, recordings: number, noise: number): LabelledClip[] {
    let state = 7;
    const random = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647 - 0.5;
    };
    return Array.from({ length: labels * recordings }, (_, index) => ({
      label: `label ${index % labels}`,
      group: `recording ${index}`,
      features: Float32Array.from(
        { length: labels },
        (_, axis) => (axis === index % labels ? 1 : 0) + noise * random(),
      ),
    }));
  }

  it('are perfect on sounds that are far apart', async () => {
    const scores = await scoreFewShot(clusters(6, 8, 0.01), { shots: 5 });
    expect(scores?.accuracy).toEqual({ mean: 1, deviation: 0 });
    expect(scores?.auroc).toEqual({ mean: 1, deviation: 0 });
    expect(scores!.draws).toBeGreaterThan(50);
  });

  it('are those of guessing where the vectors say nothing', async () => {
    const scores = await scoreFewShot(
      clusters(6, 12, 0.01).map((clip, index) => ({
        ...clip,
        label: `label ${(index * 7 + (index >> 3)) % 6}`,
      })),
      { shots: 1 },
    );
    expect(scores!.accuracy.mean).toBeLessThan(0.5);
    expect(scores!.auroc!.mean).toBeGreaterThan(0.3);
    expect(scores!.auroc!.mean).toBeLessThan(0.7);
  });

  it('more examples help, and the same seed gives the same draws', async () => {
    const all = clusters(8, 12, 3);
    const one = await scoreFewShot(all, { shots: 1 });
    const five = await scoreFewShot(all, { shots: 5 });
    expect(five!.accuracy.mean).toBeGreaterThan(one!.accuracy.mean);
    expect(await scoreFewShot(all, { shots: 5 })).toEqual(five);
    expect(await scoreFewShot(all, { shots: 5, seed: 2 })).not.toEqual(five);
  });

  it('an example never comes from the group that is asked about', async () => {
    // Within a group all clips are equal and across groups labels are exchanged: only a leak would be right.
    const all: LabelledClip[] = [];
    for (let group = 0; group < 8; group += 1) {
      for (let take = 0; take < 3; take += 1) {
        for (const label of ['even', 'odd']) {
          const features = new Float32Array(16);
          features[group * 2 + (label === 'even' ? 0 : 1)] = 1;
          all.push({ label, group: `speaker ${group}`, features });
        }
      }
    }
    const scores = await scoreFewShot(all, { shots: 3 });
    expect(scores!.accuracy.mean).toBeLessThan(0.75);
  });

  it('are absent where one group is all there is', async () => {
    const all = clusters(4, 8, 0.1).map((clip) => ({ ...clip, group: 'one' }));
    expect(await scoreFewShot(all, { shots: 1 })).toBeUndefined();
    expect(await scoreFewShot(clusters(4, 3, 0.1), { shots: 5 })).toBeUndefined();
  });
});

describe('a manifest', () => {
  it('gives back what was written, whatever the cells hold', () => {
    const cell = fc.string({ minLength: 1 }).filter((text) => text.trim() === text && text !== '');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }),
        fc.constantFrom('\n', '\r\n'),
        (rows, end) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const lines = rows.map(([file, label, group]) =>
            [quoted(label), quoted(file), '', quoted(group)].join(','),
          );
          expect(parseManifest(`label,file,seconds,group${end}${lines.join(end)}${end}`)).toEqual(
            rows.map(([file, label, group]) => ({ file, label, group })),
          );
        },
      ),
    );
  });

  it('reads plain cells, skips empty lines and leaves an empty group out', () => {
    expect(parseManifest('\ufefffile,label,group\na.wav,dog,1\n\nb.wav,cat,')).toEqual([
      { file: 'a.wav', label: 'dog', group: '1' },
      { file: 'b.wav', label: 'cat' },
    ]);
  });

  it.each([
    ['name,label\na,b', 'no column "file"'],
    ['', 'no column "file"'],
    ['file,label\na.wav,dog\nb.wav,', 'Line 3 of the manifest has no label'],
    ['file,label\n"a\nb",dog\n,cat', 'Line 4 of the manifest has no file'],
    ['file,label\na"b,dog', 'Line 2 of the manifest has a stray quote'],
  ])('says what is wrong with %j', (text, message) => {
    expect(() => parseManifest(text)).toThrow(message);
  });
});

describe('the verdict', () => {
  const retrieval = {
    knn: 0.9,
    map: 0.8,
    asked: 40,
    randomCosine: 0.1,
    falseMatch: 0.004,
    threshold1Percent: 0.55,
    unrelatedPairs: 1000,
    labels: [{ label: 'rain', asked: 10, knn: 0.5, confusedWith: 'sea' }],
  };
  const shots = (mean: number, separation: number) => ({
    shots: 5,
    draws: 100,
    accuracy: { mean, deviation: 0.03 },
    auroc: { mean: separation, deviation: 0.02 },
  });

  it.each([
    [0.95, 0.95, /^Very well/],
    [0.95, 0.85, /^Well/],
    [0.7, 0.75, /^In part/],
    [0.3, 0.6, /^Poorly/],
  ])('accuracy %d and separation %d', (accuracy, separation, expected) => {
    expect(verdict(retrieval, [shots(accuracy, separation)], 0.6)[0]).toMatch(expected);
  });

  it('names the false matches and the hardest sound', () => {
    const text = verdict(retrieval, [shots(0.95, 0.93)], 0.6).join(' ');
    expect(text).toContain('At the threshold 0.60, about one in 250 unrelated pairs');
    expect(text).toContain('with --threshold 0.55 it would be about one in 100');
    expect(text).toContain('rain (5 of 10 right, often taken for sea)');
    expect(text).toContain('95 of 100 sounds');
  });
});
