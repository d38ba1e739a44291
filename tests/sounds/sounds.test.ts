import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { unpackMap } from '../../src/sounds/packed-map.ts';
import type { HeardAnswer } from '../../src/sounds/sound-summary.ts';
import { Sounds } from '../../src/sounds/sounds.ts';
import { createFeatureStorage, type FeatureStorage, type NewStoredPattern } from '../../src/storage/index.ts';
import { dimensions, MadeSounds } from './made-sounds.ts';

let folder: string;
let memory: FeatureStorage;
let sounds: Sounds;
const made = new MadeSounds(3);
const all = { query: {}, unlabelled: false };

// Opening a memory starts its threads: one does for all tests, emptied between them.
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'earmark-sounds-'));
  memory = createFeatureStorage({ indexPath: path.join(folder, 'memory'), dimensions });
  await memory.initialize();
});

afterAll(async () => {
  await memory.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  sounds = new Sounds(memory);
});

afterEach(async () => {
  await sounds.close();
  await memory.deletePatterns({});
});

/** Waits for what the map does by itself. */
async function eventually<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error('It did not happen within 20 seconds.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const ready = () => eventually(() => (sounds.labels().progress.phase === 'ready' ? true : undefined));
const labelOf = async (id: string) => (await memory.getPatternById(id))?.metadata.label;
const ids = async (search = all) => (await sounds.page(search)).sounds.map(({ id }) => id);

describe('page', () => {
  test('goes through everything, newest first, page by page', async () => {
    await memory.storePatterns(
      Array.from({ length: 70 }, (_, i) => made.pattern(`s${i}`, i % 3, { createdAt: 1000 + i })),
    );
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await sounds.page(all, cursor);
      seen.push(...page.sounds.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(Array.from({ length: 70 }, (_, i) => `s${69 - i}`));
  });

  test('finds the sounds without a label among many that have one', async () => {
    await memory.storePatterns(
      Array.from({ length: 200 }, (_, i) => {
        return made.pattern(`s${i}`, 0, { createdAt: 1000 + i, ...(i % 90 === 5 ? {} : { label: 'bell' }) });
      }),
    );
    expect(await ids({ query: {}, unlabelled: true })).toEqual(['s185', 's95', 's5']);
    expect(await ids({ query: { createdAt: { max: 1100 } }, unlabelled: true })).toEqual(['s95', 's5']);
  });

  test('tells what a list shows, without the vector', async () => {
    await memory.storePatterns([made.pattern('a', 0, { label: 'bell', createdAt: 5 })]);
    expect((await sounds.page(all)).sounds).toEqual([
      {
        id: 'a',
        label: 'bell',
        sourceId: 'kitchen',
        type: 'sound',
        confidence: 1,
        createdAt: 5,
        startTime: 1,
        endTime: 1.4,
        low: 200,
        high: 4000,
      },
    ]);
  });
});

describe('details', () => {
  test('a clip has a picture and a loudness; without one there is nothing to play', async () => {
    await memory.storePatterns([made.pattern('a', 0, { clip: true }), made.pattern('b', 0)]);
    const [a, b] = await sounds.details(['a', 'b']);
    expect(a).toMatchObject({ playable: true, loudness: expect.closeTo(-18, 0) });
    expect(Buffer.from(a?.picture ?? '', 'base64').length).toBe(64 * 24);
    expect(b).toMatchObject({ sound: { id: 'b' }, playable: false });
    expect(b?.picture).toBeUndefined();
  });

  test('the best match is the nearest labelled sound, never the sound itself', async () => {
    await memory.storePatterns([
      // Thirty unlabelled ones lie nearer than the one that has a name.
      ...Array.from({ length: 30 }, (_, i) => made.pattern(`u${i}`, 0, { spread: 0.05 })),
      made.pattern('bell', 0, { label: 'bell' }),
      made.pattern('door', 1, { label: 'door' }),
    ]);
    await eventually(async () => (await sounds.details(['u3']))[0]?.match);
    const [unlabelled, labelled] = await sounds.details(['u3', 'bell']);
    expect(unlabelled?.match).toMatchObject({ id: 'bell', label: 'bell' });
    expect(unlabelled?.match?.similarity).toBeGreaterThan(0.8);
    expect(labelled?.match?.id).not.toBe('bell');
  });

  test('are given also where the sound that is most like it goes meanwhile', async () => {
    await memory.storePatterns([made.pattern('a', 0), made.pattern('bell', 0, { label: 'bell' })]);
    await eventually(async () => (await sounds.details(['a']))[0]?.match);
    const get = memory.getPatternById.bind(memory);
    const slow = vi.spyOn(memory, 'getPatternById').mockImplementation(async (id) => {
      if (id === 'a') await memory.deletePattern('bell');
      return get(id);
    });
    try {
      expect(await sounds.details(['a'])).toMatchObject([{ sound: { id: 'a' } }]);
    } finally {
      slow.mockRestore();
    }
  });

  test('is never offered what it was said not to be', async () => {
    await memory.storePatterns([
      made.pattern('a', 0),
      made.pattern('bell', 0, { label: 'bell' }),
      made.pattern('door', 1, { label: 'door' }),
    ]);
    await eventually(async () => (await sounds.details(['a']))[0]?.match);
    await sounds.refuse({ ids: ['a'] }, 'bell');
    expect((await sounds.details(['a']))[0]?.match?.label).not.toBe('bell');
  });

  test('sounds that are gone are left out', async () => {
    await memory.storePatterns([made.pattern('a', 0)]);
    expect((await sounds.details(['gone', 'a'])).map(({ sound }) => sound.id)).toEqual(['a']);
  });
});

describe('labelling', () => {
  beforeEach(async () => {
    await memory.storePatterns([
      made.pattern('a', 0, { clip: true }),
      made.pattern('b', 0, { label: 'door' }),
      made.pattern('c', 1, { label: 'door' }),
      made.pattern('d', 1, { label: 'bell' }),
    ]);
  });

  test('labels several at once, and undo gives each its own back', async () => {
    expect(await sounds.label({ ids: ['a', 'b', 'gone'] }, 'bell')).toEqual({ sounds: 2, undoable: true });
    expect([await labelOf('a'), await labelOf('b')]).toEqual(['bell', 'bell']);
    expect(sounds.undoable).toEqual({ kind: 'label', label: 'bell', sounds: 2 });
    await sounds.undo();
    expect([await labelOf('a'), await labelOf('b')]).toEqual([undefined, 'door']);
    await expect(sounds.undo()).rejects.toMatchObject({ code: 'NOTHING_TO_UNDO' });
  });

  test('what cannot be taken back now, since the disk is full, can be taken back later', async () => {
    await sounds.close();
    let isFull = false;
    const refusing = Object.assign(Object.create(memory) as FeatureStorage, {
      getPatternById: memory.getPatternById.bind(memory),
      getClip: memory.getClip.bind(memory),
      watch: memory.watch.bind(memory),
      deletePattern: (id: string) =>
        id === 'b' ? Promise.reject(new Error('disk full')) : memory.deletePattern(id),
      storePatterns: (patterns: NewStoredPattern[]) =>
        isFull ? Promise.reject(new Error('disk full')) : memory.storePatterns(patterns),
    });
    sounds = new Sounds(refusing);
    await expect(sounds.remove({ ids: ['a', 'b'] })).rejects.toThrow('disk full');
    expect(sounds.undoable).toEqual({ kind: 'delete', sounds: 1 });
    isFull = true;
    await expect(sounds.undo()).rejects.toThrow('disk full');
    isFull = false;
    await sounds.undo();
    expect(await memory.countPatterns()).toBe(4);
  });

  test('names the others when one of them is deleted meanwhile', async () => {
    await memory.storePatterns(['a', 'b', 'c'].map((id) => made.pattern(id, 0)));
    const labelling = sounds.label({ ids: ['a', 'b', 'c'] }, 'bell');
    const [change, deleted] = await Promise.all([labelling, memory.deletePattern('b')]);
    expect(deleted).toBe(true);
    expect(change).toEqual({ sounds: 2, undoable: true });
    expect([await labelOf('a'), await labelOf('b'), await labelOf('c')]).toEqual(['bell', undefined, 'bell']);
  });

  test('takes labels away', async () => {
    await sounds.label({ ids: ['b'] }, undefined);
    expect(await labelOf('b')).toBeUndefined();
    await sounds.undo();
    expect(await labelOf('b')).toBe('door');
  });

  const namingOf = async (id: string) => {
    const { label, notLabel } = (await memory.getPatternById(id))!.metadata;
    return [label, notLabel];
  };

  test('says what sounds are not, takes that label away, and undo brings all back', async () => {
    expect(await sounds.refuse({ ids: ['a', 'b', 'd', 'gone'] }, 'door')).toEqual({
      sounds: 3,
      undoable: true,
    });
    expect(await namingOf('a')).toEqual([undefined, 'door']);
    expect(await namingOf('b')).toEqual([undefined, 'door']);
    expect(await namingOf('d')).toEqual(['bell', 'door']);
    expect((await sounds.page(all)).sounds.find(({ id }) => id === 'b')).toMatchObject({
      notLabel: ['door'],
    });
    await sounds.refuse({ ids: ['b'] }, 'bell');
    expect(await namingOf('b')).toEqual([undefined, ['door', 'bell']]);
    expect(sounds.undoable).toEqual({ kind: 'refuse', label: 'bell', sounds: 1 });
    await sounds.undo();
    await sounds.undo();
    expect(await namingOf('a')).toEqual([undefined, undefined]);
    expect(await namingOf('b')).toEqual(['door', undefined]);
    expect(await namingOf('d')).toEqual(['bell', undefined]);
  });

  test('a name given afterwards wins over what the sound was said not to be', async () => {
    await sounds.refuse({ ids: ['a'] }, 'door');
    await sounds.label({ ids: ['a'] }, 'door');
    expect(await namingOf('a')).toEqual(['door', undefined]);
    await sounds.undo();
    expect(await namingOf('a')).toEqual([undefined, 'door']);
  });

  test('counterexamples follow the name of their label', async () => {
    await sounds.refuse({ ids: ['a', 'd'] }, 'door');
    expect(await sounds.rename('door', 'gate')).toEqual({ sounds: 2, undoable: true });
    expect(await namingOf('a')).toEqual([undefined, 'gate']);
    await sounds.rename('gate', 'bell');
    expect(await namingOf('d')).toEqual(['bell', undefined]);
    await sounds.undo();
    await sounds.undo();
    expect(await namingOf('d')).toEqual(['bell', 'door']);
  });

  test('undo leaves alone what somebody changed afterwards', async () => {
    await sounds.label({ ids: ['a', 'b'] }, 'bell');
    await memory.updatePattern('b', { metadata: { label: 'window' } });
    await sounds.undo();
    expect([await labelOf('a'), await labelOf('b')]).toEqual([undefined, 'window']);
  });

  test('renames a label; with the name of another one, they are joined and can be parted again', async () => {
    expect(await sounds.rename('door', 'bell')).toEqual({ sounds: 2, undoable: true });
    expect(await memory.countPatterns({ label: 'bell' })).toBe(3);
    await sounds.undo();
    expect(await memory.countPatterns({ label: 'door' })).toBe(2);
    expect(await labelOf('d')).toBe('bell');
  });

  test('deletes, and undo brings all of it back', async () => {
    const before = await memory.getPatternById('a');
    const clip = await memory.getClip('a');
    expect(await sounds.remove({ ids: ['a', 'd', 'gone'] })).toEqual({ sounds: 2, undoable: true });
    expect(await memory.countPatterns()).toBe(2);
    await sounds.undo();
    const after = await memory.getPatternById('a');
    expect(after?.pattern).toEqual(before?.pattern);
    expect(after?.metadata).toMatchObject({ ...before?.metadata, lastModified: expect.any(Number) });
    expect(await memory.getClip('a')).toEqual(clip);
    expect(await labelOf('d')).toBe('bell');
  });

  test('a change of nothing is not remembered', async () => {
    await sounds.label({ ids: ['b'] }, 'door');
    await sounds.remove({ ids: ['gone'] });
    expect(sounds.undoable).toBeUndefined();
  });
});

describe('sounds that were only heard', () => {
  const hear = (answer: HeardAnswer = { confidence: 0.8 }, clip = true) => {
    const { pattern, metadata, clip: wav } = made.pattern('', 0, { clip });
    sounds.heard.hear({ pattern, metadata, answer, ...(wav && { clip: wav }) });
    return sounds.heard.newestFirst()[0]!.pattern.id;
  };
  const heardIds = () => sounds.heard.newestFirst().map(({ pattern }) => pattern.id);

  test('have picture, loudness, clip and what they were taken for, and are in no page', async () => {
    const match = { id: 'bell', label: 'bell', similarity: 0.7 };
    const id = hear({ label: 'bell', confidence: 0.9, match });
    expect(await sounds.details([id])).toMatchObject([
      {
        sound: { id, heardAs: { label: 'bell', confidence: 0.9 } },
        playable: true,
        loudness: expect.closeTo(-18, 0),
        picture: expect.any(String),
        match,
      },
    ]);
    expect(await sounds.getClip(id)).toEqual(made.clip(0));
    expect(await ids()).toEqual([]);
  });

  test('follow a rename and its undo, and no correction of one example', async () => {
    await memory.storePatterns([
      made.pattern('a', 0, { label: 'bell' }),
      made.pattern('b', 0, { label: 'bell' }),
    ]);
    const match = { id: 'a', label: 'bell', similarity: 0.7 };
    const known = hear({ label: 'bell', confidence: 0.9, match });
    const unknown = hear({ confidence: 0.8, match });
    const names = async () =>
      (await sounds.justHeard()).map(({ heardAs }) => [heardAs?.label, heardAs?.match?.label]);
    const both = (name: string) => [
      [undefined, name],
      [name, name],
    ];
    expect(await names()).toEqual(both('bell'));
    await sounds.label({ ids: ['a'] }, 'door');
    expect(await names()).toEqual(both('bell'));
    await sounds.undo();
    await sounds.rename('bell', 'doorbell');
    expect(await names()).toEqual(both('doorbell'));
    expect(await sounds.details([known, unknown])).toMatchObject([
      { sound: { heardAs: { label: 'doorbell' } }, match: { label: 'doorbell' } },
      { match: { label: 'doorbell' } },
    ]);
    await sounds.undo();
    expect(await names()).toEqual(both('bell'));
  });

  test('are stored by being named, and undo makes them only heard again', async () => {
    const id = hear();
    expect(await sounds.label({ ids: [id] }, 'bell')).toEqual({ sounds: 1, undoable: true });
    expect(heardIds()).toEqual([]);
    expect((await sounds.page(all)).sounds).toMatchObject([{ id, label: 'bell', sourceId: 'kitchen' }]);
    expect(await memory.getClip(id)).toEqual(made.clip(0));
    expect(await sounds.undo()).toEqual({ kind: 'label', label: 'bell', sounds: 1 });
    expect(await ids()).toEqual([]);
    expect(heardIds()).toEqual([id]);
    await sounds.label({ ids: [id] }, 'door');
    expect(await labelOf(id)).toBe('door');
  });

  test('are named together with stored ones, in one action', async () => {
    await memory.storePatterns([made.pattern('a', 1)]);
    const id = hear();
    await sounds.label({ ids: ['a', id] }, 'bell');
    expect([await labelOf('a'), await labelOf(id)]).toEqual(['bell', 'bell']);
    await sounds.undo();
    expect(await labelOf('a')).toBeUndefined();
    expect(await ids()).toEqual(['a']);
    expect(heardIds()).toEqual([id]);
  });

  test('teach what they are not', async () => {
    const id = hear({ label: 'bell', confidence: 0.9 });
    await sounds.refuse({ ids: [id] }, 'bell');
    expect((await memory.getPatternById(id))?.metadata).toMatchObject({ notLabel: 'bell' });
    await sounds.undo();
    expect(heardIds()).toEqual([id]);
  });

  test('stay stored when somebody named them otherwise before the undo', async () => {
    const id = hear();
    await sounds.label({ ids: [id] }, 'bell');
    await memory.updatePattern(id, { metadata: { label: 'door' } });
    await sounds.undo();
    expect(await labelOf(id)).toBe('door');
    expect(heardIds()).toEqual([]);
  });

  test('are not stored by taking away a name that they do not have', async () => {
    const id = hear();
    expect(await sounds.label({ ids: [id] }, undefined)).toEqual({ sounds: 0, undoable: false });
    expect(heardIds()).toEqual([id]);
  });

  test('stay heard when the memory cannot take them', async () => {
    const { metadata } = made.pattern('', 0);
    const { pattern } = made.pattern('', 0);
    sounds.heard.hear({
      pattern: { ...pattern, features: new Float32Array(3) },
      metadata,
      answer: { confidence: 1 },
    });
    await expect(sounds.label({ ids: heardIds() }, 'bell')).rejects.toMatchObject({ code: 'DIMENSIONS' });
    expect(heardIds()).toHaveLength(1);
    expect(sounds.undoable).toBeUndefined();
  });

  test('are taken from the list, and undo brings them back', async () => {
    const id = hear();
    expect(await sounds.remove({ ids: [id] })).toEqual({ sounds: 1, undoable: true });
    expect(heardIds()).toEqual([]);
    await sounds.undo();
    expect(heardIds()).toEqual([id]);
  });
});

describe('map', () => {
  const points = () => unpackMap((sounds.map() as Uint8Array<ArrayBuffer>).buffer);

  test('has every sound as a point, and follows what is stored, labelled and deleted', async () => {
    await memory.storePatterns(Array.from({ length: 40 }, (_, i) => made.pattern(`s${i}`, i % 4)));
    await ready();
    expect(points().header.points).toBe(40);

    await memory.storePatterns([made.pattern('new', 1, { label: 'bell' })]);
    await memory.deletePattern('s0');
    await memory.updatePattern('s1', { metadata: { label: 'door' } });
    const map = await eventually(() => {
      const now = points();
      return now.header.points === 40 && now.labels.filter((label) => label > 0).length === 2
        ? now
        : undefined;
    });
    const named = [...map.rows].filter((_, i) => (map.labels[i] as number) > 0);
    const found = await sounds.soundsAt(named, map.header.generation);
    expect(found.map(({ id, label }) => [id, label]).sort()).toEqual([
      ['new', 'bell'],
      ['s1', 'door'],
    ]);
  });

  test('a sound keeps its place while others come', async () => {
    await memory.storePatterns(Array.from({ length: 60 }, (_, i) => made.pattern(`s${i}`, i % 4)));
    await ready();
    const place = () => {
      const { rows, positions } = points();
      const at = rows.indexOf(7);
      return [...positions.slice(2 * at, 2 * at + 2)];
    };
    const before = place();
    await memory.storePatterns(Array.from({ length: 20 }, (_, i) => made.pattern(`t${i}`, i % 4)));
    await eventually(() => (points().header.points === 80 ? true : undefined));
    for (const [i, value] of place().entries())
      expect(Math.abs(value - (before[i] as number))).toBeLessThan(600);
  });

  test('is not sent again while nothing changed', async () => {
    await memory.storePatterns([made.pattern('a', 0)]);
    await ready();
    const { generation, revision } = points().header;
    expect(sounds.map({ generation, revision })).toBeUndefined();
    await memory.updatePattern('a', { metadata: { label: 'bell' } });
    await eventually(() => sounds.map({ generation, revision }));
  });

  test('labels what was selected on it, and refuses rows of an older map', async () => {
    await memory.storePatterns([made.pattern('a', 0), made.pattern('b', 1)]);
    await ready();
    const { rows, header } = points();
    await sounds.label({ rows: [...rows], generation: header.generation }, 'bell');
    expect(await memory.countPatterns({ label: 'bell' })).toBe(2);
    await expect(sounds.label({ rows: [0], generation: header.generation - 1 }, 'x')).rejects.toMatchObject({
      code: 'STALE_MAP',
    });
    expect(await labelOf('a')).toBe('bell');
  });

  test('an empty memory is ready at once and takes its first sounds', async () => {
    await ready();
    expect(points().header.points).toBe(0);
    await memory.storePatterns([made.pattern('a', 0)]);
    await eventually(() => (points().header.points === 1 ? true : undefined));
  });

  test('sounds stored and deleted while the memory is being read are right in the end', async () => {
    await memory.storePatterns(Array.from({ length: 500 }, (_, i) => made.pattern(`s${i}`, i % 5)));
    sounds.labels();
    await memory.deletePatterns({ createdAt: {}, limit: 200 });
    await memory.storePatterns(Array.from({ length: 50 }, (_, i) => made.pattern(`t${i}`, i % 5)));
    await ready();
    await eventually(() => (points().header.points === 350 ? true : undefined));
  });
});

describe('suggestions', () => {
  test('groups like unknown sounds and finds a label that does not fit', async () => {
    const now = Date.now();
    await memory.storePatterns([
      ...Array.from({ length: 14 }, (_, i) => made.pattern(`u${i}`, 0, { createdAt: now - i * 1000 })),
      ...Array.from({ length: 8 }, (_, i) => made.pattern(`bell${i}`, 1, { label: 'bell' })),
      ...Array.from({ length: 8 }, (_, i) => made.pattern(`door${i}`, 2, { label: 'door' })),
      made.pattern('wrong', 1, { label: 'door' }),
    ]);
    expect((await sounds.suggestions()).progress.phase).not.toBe('ready');
    await ready();
    const { groups, contradictions } = await sounds.suggestions();
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({ thisWeek: 14 });
    expect(groups[0]?.ids).toHaveLength(14);
    expect(groups[0]?.examples).toHaveLength(3);
    expect(contradictions.map(({ sound, suggested }) => [sound.id, suggested])).toEqual([['wrong', 'bell']]);

    await sounds.label({ ids: groups[0]?.ids ?? [] }, 'kettle');
    await eventually(async () => ((await sounds.suggestions()).groups.length === 0 ? true : undefined));
  });
});

test('close ends the worker while it is busy', async () => {
  await memory.storePatterns(Array.from({ length: 2000 }, (_, i) => made.pattern(`s${i}`, i % 5)));
  sounds.labels();
  await eventually(() => (sounds.labels().progress.phase === 'arranging' ? true : undefined));
  await sounds.close();
  expect(await ids()).toHaveLength(30);
});
