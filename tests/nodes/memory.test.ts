import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { MemoryNode } from '../../nodes/earmark-memory/earmark-memory.ts';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { type FlowNode, type Received, TestFlow } from './test-flow.ts';

let flow: TestFlow;
afterEach(() => flow.close());

const nodes = (options: Record<string, object> = {}): FlowNode[] => [
  { id: 'memory', type: 'earmark-memory', ...options.memory },
  { id: 'store', type: 'earmark-store-pattern', wires: [['stored']], ...options.store },
  { id: 'query', type: 'earmark-query', wires: [['found']], ...options.query },
  { id: 'similar', type: 'earmark-similar', wires: [['match'], ['unknown']], ...options.similar },
  { id: 'catch', type: 'catch', scope: ['store', 'query', 'similar'], wires: [['caught']] },
  ...['stored', 'found', 'match', 'unknown', 'caught'].map((id) => ({ id, type: 'helper' })),
];

async function load(options: Record<string, object> = {}, userDir?: string): Promise<void> {
  flow = await TestFlow.load(nodes(options), userDir === undefined ? {} : { userDir });
}

/** A unit vector near the axis `axis`, as an encoder would give for takes of one sound. */
function vector(axis: number, take = 0): number[] {
  const numbers = Array.from({ length: 8 }, (_, i) => (i === axis ? 1 : 0.05 * Math.sin(take * 7 + i)));
  const length = Math.hypot(...numbers);
  return numbers.map((number) => number / length);
}

async function remember(
  label: string | undefined,
  axis: number,
  take = 0,
  more: object = {},
): Promise<Received> {
  const count = flow.received('stored').length;
  flow.send('store', { payload: vector(axis, take), ...(label !== undefined && { label }), ...more });
  return (await flow.arrived('stored', count + 1))[count]!;
}

const features = {
  model: 'm',
  revision: 'r1',
  startTime: 2,
  endTime: 3,
  frequencyRange: { low: 200, high: 900 },
};
const error = (message: Received | undefined) => message!.error as { code: string; message: string };

describe('store pattern', () => {
  it('stores what the message says of the sound, and tells what it stored', async () => {
    await load({ store: { tags: 'kitchen, loud' } });
    const audio = { sourceId: 'mic', clip: Buffer.from('RIFF....WAVE') };
    const stored = await remember('doorbell', 0, 0, { features, audio, kept: 'yes' });
    expect(stored).toMatchObject({
      kept: 'yes',
      payload: {
        id: expect.any(String),
        label: 'doorbell',
        type: 'sound',
        sourceId: 'mic',
        startTime: 2,
        endTime: 3,
        frequencyRange: { low: 200, high: 900 },
        tags: ['kitchen', 'loud'],
        storedAt: expect.any(Number),
      },
    });
    const { id } = stored.payload as { id: string };
    const storage = await flow.node<MemoryNode>('memory').storage();
    expect(Buffer.from((await storage.getClip(id))!).toString()).toBe('RIFF....WAVE');
    expect((await storage.getPatternById(id))!.metadata.encoder).toEqual({ name: 'm', revision: 'r1' });
  });

  it('takes the label from an expression, and stores without one where there is none', async () => {
    await load({ store: { label: '$uppercase(topic)', labelType: 'jsonata' } });
    expect((await remember(undefined, 0, 0, { topic: 'bell' })).payload).toMatchObject({ label: 'BELL' });
    expect((await remember(undefined, 1)).payload).toMatchObject({ label: null });
  });

  it('forgets a sound by its id', async () => {
    await load();
    const { id } = (await remember('doorbell', 0)).payload as { id: string };
    flow.send('store', { forget: id });
    expect((await flow.arrived('stored', 2))[1]!.payload).toEqual({ id, forgotten: true });
    flow.send('store', { forget: id });
    expect((await flow.arrived('stored', 3))[2]!.payload).toEqual({ id, forgotten: false });
  });

  it.each([
    ['no vector', { payload: 'hello' }, 'BAD_MESSAGE'],
    ['a vector of another length', { payload: [1, 2, 3] }, 'DIMENSIONS'],
    ['a confidence out of range', { payload: vector(0), options: { confidence: 7 } }, 'INVALID_ARGUMENT'],
  ])('reports %s and goes on', async (_what, message, code) => {
    await load();
    flow.send('store', message);
    expect(error((await flow.arrived('caught'))[0]).code).toBe(code);
    await remember('doorbell', 0);
  });

  it('refuses a second encoder in one memory', async () => {
    await load();
    await remember('doorbell', 0, 0, { features });
    flow.send('store', { payload: vector(1), features: { ...features, revision: 'r2' } });
    expect(error((await flow.arrived('caught'))[0]).code).toBe('ENCODER_MISMATCH');
  });
});

describe('query', () => {
  async function fill(options: Record<string, object> = {}): Promise<void> {
    await load(options);
    await remember('doorbell', 0, 1, { audio: { sourceId: 'hall' }, features });
    await remember('doorbell', 0, 2, { audio: { sourceId: 'kitchen' }, features });
    await remember('kettle', 1, 1, { audio: { sourceId: 'kitchen' }, features });
  }
  const labels = (message: Received) => (message.payload as { label: string }[]).map(({ label }) => label);

  it('answers with a list, newest first', async () => {
    await fill();
    flow.send('query', { kept: 1 });
    const [found] = await flow.arrived('found');
    expect(labels(found!)).toEqual(['kettle', 'doorbell', 'doorbell']);
    expect(found!.kept).toBe(1);
  });

  it('takes criteria from the dialog, from typed inputs and from msg.query', async () => {
    await fill({ query: { label: 'doorbell', sourceId: 'topic', sourceIdType: 'msg', limit: '10' } });
    flow.send('query', { topic: 'kitchen' });
    expect(labels((await flow.arrived('found'))[0]!)).toEqual(['doorbell']);
    flow.send('query', { query: { label: 'kettle' } });
    expect(labels((await flow.arrived('found', 2))[1]!)).toEqual(['kettle']);
    flow.send('query', { query: { label: 'kettle', frequencyRange: { min: 5000 } } });
    expect(labels((await flow.arrived('found', 3))[2]!)).toEqual([]);
  });

  it('counts', async () => {
    await fill({ query: { answer: 'count', label: 'doorbell', limit: '1' } });
    flow.send('query', {});
    expect((await flow.arrived('found'))[0]!.payload).toBe(2);
    const { payload } = flow.received('stored')[0] as { payload: { id: string } };
    flow.send('query', { query: { id: payload.id } });
    flow.send('query', { query: { id: 'unknown' } });
    const [, one, none] = await flow.arrived('found', 3);
    expect([one!.payload, none!.payload]).toEqual([1, 0]);
  });

  it('sends each sound in a sequence, with vector and recording when asked', async () => {
    await load({ query: { answer: 'each', withFeatures: true, withClip: true } });
    await remember('doorbell', 0, 0, { audio: { clip: Buffer.from('sound') } });
    await remember('kettle', 1);
    flow.send('query', {});
    const [first, second] = await flow.arrived('found', 2);
    expect(first).toMatchObject({ parts: { index: 0, count: 2 }, payload: { label: 'kettle', clip: null } });
    expect(second).toMatchObject({ parts: { index: 1, count: 2 }, payload: { label: 'doorbell' } });
    const { features: numbers, clip } = second!.payload as { features: number[]; clip: Buffer };
    expect(clip.toString()).toBe('sound');
    for (const [i, number] of vector(0).entries()) expect(numbers[i]).toBeCloseTo(number, 5);
  });

  it('takes its options from the message', async () => {
    await fill();
    flow.send('query', { options: { answer: 'count' } });
    flow.send('query', { options: { answer: 'count', lastHours: 0 } });
    flow.send('query', { options: { withFeatures: true, withClip: true }, query: { label: 'kettle' } });
    const [all, none, whole] = await flow.arrived('found', 3);
    expect([all!.payload, none!.payload]).toEqual([3, 0]);
    expect(whole!.payload).toMatchObject([{ label: 'kettle', features: expect.any(Array), clip: null }]);
  });

  it('says what is wrong with a query', async () => {
    await load();
    flow.send('query', { query: { timeRange: { min: 'soon' } } });
    expect(error((await flow.arrived('caught'))[0]).code).toBe('INVALID_ARGUMENT');
  });
});

describe('similar', () => {
  it('knows a taught sound again and says "unknown" of another one', async () => {
    await load({ similar: { threshold: '0.8' } });
    await remember('doorbell', 0, 1);
    await remember('kettle', 1, 1);
    flow.send('similar', { payload: vector(0, 2), kept: 1 });
    const [match] = await flow.arrived('match');
    expect(match).toMatchObject({ kept: 1, payload: { label: 'doorbell' } });
    const { similarity, confidence } = match!.payload as { similarity: number; confidence: number };
    expect(similarity).toBeGreaterThan(0.9);
    expect(confidence).toBeGreaterThan(0.5);
    const kept = (match!.features as { vector: number[] }).vector;
    for (const [i, number] of vector(0, 2).entries()) expect(kept[i]).toBeCloseTo(number, 6);

    flow.send('similar', { payload: vector(5, 1) });
    const [unknown] = await flow.arrived('unknown');
    expect(unknown).toMatchObject({ reason: 'none-of-these', closest: { label: expect.any(String) } });
    expect(unknown!.payload).toEqual(vector(5, 1));
    expect(flow.received('match')).toHaveLength(1);
  });

  it.each(['label', 'events', 'neighbours'])('refuses the vectors of another encoder (%s)', async (mode) => {
    await load({ similar: { mode } });
    await remember('doorbell', 0, 0, { features });
    flow.send('similar', { payload: vector(0, 1), features: { ...features, revision: 'r2' } });
    const [caught] = await flow.arrived('caught');
    expect(error(caught).code).toBe('ENCODER_MISMATCH');
  });

  it('says so when nothing was taught', async () => {
    await load();
    flow.send('similar', { payload: vector(0) });
    expect((await flow.arrived('unknown'))[0]).toMatchObject({ reason: 'nothing-taught', closest: null });
  });

  it('lists neighbours, best first, no more than asked', async () => {
    await load({ similar: { mode: 'neighbours', threshold: '0.5', limit: '2' } });
    for (const take of [1, 2, 3]) await remember('doorbell', 0, take);
    await remember('kettle', 1);
    flow.send('similar', { payload: vector(0, 2) });
    const list = (await flow.arrived('match'))[0]!.payload as { label: string; similarity: number }[];
    expect(list.map(({ label }) => label)).toEqual(['doorbell', 'doorbell']);
    expect(list[0]!.similarity).toBeCloseTo(1, 4);
    expect(list[0]!.similarity).toBeGreaterThanOrEqual(list[1]!.similarity);
    flow.send('similar', { payload: vector(0, 2), options: { label: 'kettle' } });
    expect((await flow.arrived('unknown'))[0]).toMatchObject({ closest: { label: 'kettle' } });
  });

  it('asks for confirmation and reports a sound that goes on once', async () => {
    await load({ similar: { threshold: '0.8', confirmations: '2', holdBackSeconds: '1' } });
    await remember('doorbell', 0, 1);
    for (const second of [0, 0.5, 1, 1.5, 9, 9.5]) {
      flow.send('similar', {
        payload: vector(0, 2),
        features: { startTime: second, endTime: second + 1 },
        audio: { sourceId: 'mic' },
      });
    }
    const events = (await flow.arrived('match', 2)).map(({ event }) => event);
    flow.send('similar', { payload: vector(5) });
    await flow.arrived('unknown');
    expect(events).toMatchObject([
      { label: 'doorbell', startTime: 0, windows: 2 },
      { label: 'doorbell', startTime: 9, windows: 2 },
    ]);
    expect(flow.received('match')).toHaveLength(2);
  });

  const hear = (second: number, sourceId: string, options: object = {}) =>
    flow.send('similar', {
      payload: vector(0, 2),
      features: { startTime: second, endTime: second + 1 },
      audio: { sourceId },
      options,
    });

  it('follows each microphone by itself, also one that begins anew', async () => {
    await load({ similar: { threshold: '0.8', confirmations: '2', holdBackSeconds: '5' } });
    await remember('doorbell', 0, 1);
    for (const second of [900, 901, 902]) {
      hear(second, 'hall');
      hear(second - 600, 'kitchen');
    }
    // The one in the hall was stopped and started.
    for (const second of [0, 1, 2]) hear(second, 'hall');
    flow.send('similar', { payload: vector(5) });
    await flow.arrived('unknown');
    expect(flow.received('match').map(({ event }) => event)).toMatchObject([
      { sourceId: 'hall', startTime: 900, windows: 2 },
      { sourceId: 'kitchen', startTime: 300, windows: 2 },
      { sourceId: 'hall', startTime: 0, windows: 2 },
    ]);
  });

  it('takes a vector that tells no time as heard when it comes', async () => {
    await load({ similar: { threshold: '0.8', holdBackSeconds: '0.2' } });
    await remember('doorbell', 0, 1);
    const hearUntimed = () => flow.send('similar', { payload: vector(0, 2) });
    hearUntimed();
    hearUntimed();
    await flow.arrived('match');
    await new Promise((resolve) => setTimeout(resolve, 300));
    hearUntimed();
    await flow.arrived('match', 2);
    expect(flow.received('match')).toHaveLength(2);
  });

  it('asks for other confirmations and another hold-back for one message', async () => {
    await load({ similar: { threshold: '0.8', confirmations: '3', holdBackSeconds: '5' } });
    await remember('doorbell', 0, 1);
    hear(0, 'mic', { confirmations: 1 });
    hear(1, 'mic');
    hear(2, 'mic', { confirmations: 1, holdBackSeconds: 0 });
    flow.send('similar', { payload: vector(5) });
    await flow.arrived('unknown');
    expect(flow.received('match').map(({ event }) => event)).toMatchObject([
      { startTime: 0 },
      { startTime: 2 },
    ]);
  });
});

describe('similar, in the Sounds sidebar', () => {
  interface Heard {
    id: string;
    sourceId: string;
    startTime: number;
    heardAs: { label?: string; confidence: number };
  }
  const heard = async () => (await flow.ask<{ sounds: Heard[] }>('/earmark/memories/memory/heard')).sounds;
  const hear = (second: number, axis: number, more: object = {}) =>
    flow.send('similar', {
      payload: vector(axis, 2),
      features: { startTime: second, endTime: second + 1 },
      audio: { sourceId: 'mic', clip: Buffer.from('RIFF....WAVE') },
      ...more,
    });

  it.each(['label', 'neighbours', 'events'])(
    'shows with mode "%s" what it took each sound for until that is stored',
    async (mode) => {
      await load({ similar: { mode, threshold: '0.8' } });
      await remember('doorbell', 0, 1);
      hear(1, 0);
      hear(2, 5);
      const [unknown] = await flow.arrived('unknown');
      expect(await heard()).toMatchObject([
        { sourceId: 'mic', startTime: 2, heardAs: { confidence: expect.any(Number) } },
        { sourceId: 'mic', startTime: 1, heardAs: { label: 'doorbell', confidence: expect.any(Number) } },
      ]);
      expect((await heard())[0]!.heardAs).not.toHaveProperty('label');

      const [recognised] = await flow.arrived('match');
      for (const [i, message] of [unknown, recognised].entries()) {
        flow.send('store', message!);
        await flow.arrived('stored', 2 + i);
      }
      expect(await heard()).toEqual([]);
    },
  );

  it('shows what was held back and what is not the one asked for', async () => {
    await load({ similar: { threshold: '0.8', confirmations: '5' } });
    await remember('doorbell', 0, 1);
    hear(1, 0);
    hear(4, 0, { options: { label: 'kettle' } });
    await flow.arrived('unknown');
    expect((await heard()).map(({ heardAs }) => heardAs.label)).toEqual(['doorbell', 'doorbell']);
    expect(flow.received('match')).toEqual([]);
  });

  it('shows background noise as such', async () => {
    await load({ similar: { threshold: '0.8' } });
    await remember('background', 0, 1);
    hear(1, 0);
    await flow.arrived('unknown');
    expect((await heard())[0]!.heardAs).toMatchObject({ label: 'background' });
  });

  it('shows each sound once where a flow stores and recognises it side by side', async () => {
    await load();
    await remember(undefined, 0, 2, { features: { startTime: 1, endTime: 2 } });
    hear(1, 0);
    hear(7, 5);
    await flow.arrived('unknown', 2);
    expect((await heard()).map(({ startTime }) => startTime)).toEqual([7]);
  });
});

describe('similar, joined over time', () => {
  const pieces = (...seconds: number[]) => {
    for (const second of seconds) {
      flow.send('similar', {
        payload: vector(0, 2),
        features: { startTime: second, endTime: second + 1 },
        audio: { sourceId: 'mic' },
      });
    }
  };

  it('tells a sound once it is over, with all of its time', async () => {
    await load({ similar: { mode: 'events', threshold: '0.8' } });
    await remember('doorbell', 0, 1);
    pieces(0, 0.5, 1, 9);
    expect((await flow.arrived('match'))[0]).toMatchObject({
      payload: { label: 'doorbell', confidence: expect.any(Number) },
      event: { label: 'doorbell', startTime: 0, endTime: 2, windows: 3 },
    });
    // Nothing more is heard: the second one ends by the clock.
    expect((await flow.arrived('match', 2))[1]).toMatchObject({ event: { startTime: 9, windows: 1 } });
  });

  it('tells what was heard in one source while another one goes on', async () => {
    await load({ similar: { mode: 'events', threshold: '0.8' } });
    await remember('doorbell', 0, 1);
    pieces(0, 0.5);
    let second = 7;
    const other = () => ({
      features: { startTime: second, endTime: ++second },
      audio: { sourceId: 'other' },
    });
    const goesOn = setInterval(() => flow.send('similar', { payload: vector(0, 2), ...other() }), 300);
    const [first] = await flow.arrived('match').finally(() => clearInterval(goesOn));
    expect(first).toMatchObject({ event: { sourceId: 'mic', startTime: 0, windows: 2 } });
  });

  it('forgets what goes on with msg.reset', async () => {
    await load({ similar: { mode: 'events', threshold: '0.8' } });
    await remember('doorbell', 0, 1);
    pieces(0, 0.5);
    await vi.waitFor(() => expect(flow.statuses('similar').at(-1)).toMatch(/match/), { timeout: 8000 });
    flow.send('similar', { reset: true });
    pieces(9);
    expect((await flow.arrived('match'))[0]).toMatchObject({ event: { startTime: 9, windows: 1 } });
  });
});

describe('similar, corrected', () => {
  it('does not give a label to what a counterexample forbids it', async () => {
    await load({ similar: { threshold: '0.8' } });
    await remember('doorbell', 0, 1);
    flow.send('similar', { payload: vector(0, 2) });
    const [match] = await flow.arrived('match');
    expect(match).toMatchObject({ payload: { label: 'doorbell' } });
    const before = flow.received('stored').length + 1;
    flow.send('store', { ...match, options: { metadata: { notLabel: 'doorbell' } } });
    expect((await flow.arrived('stored', before))[before - 1]).toMatchObject({ payload: { label: null } });
    flow.send('similar', { payload: vector(0, 2) });
    expect((await flow.arrived('unknown'))[0]).toMatchObject({ reason: 'none-of-these' });
    flow.send('store', {
      payload: vector(0, 2),
      options: { label: 'background', metadata: { notLabel: 'doorbell' } },
    });
    await flow.arrived('stored', before + 1);
    flow.send('similar', { payload: vector(0, 2) });
    expect((await flow.arrived('unknown', 2))[1]).toMatchObject({ reason: 'background' });
  });
});

describe('memory', () => {
  it('finds everything again after a deployment and after a restart', async () => {
    await load();
    await remember('doorbell', 0);
    await flow.deploy(nodes({ memory: { name: 'renamed' } }), 'full');
    flow.send('query', {});
    expect((await flow.arrived('found'))[0]!.payload).toMatchObject([{ label: 'doorbell' }]);
    const { userDir } = flow;
    await flow.close({ keep: true });
    await load({}, userDir);
    flow.send('query', {});
    expect((await flow.arrived('found'))[0]!.payload).toMatchObject([{ label: 'doorbell' }]);
  });

  it('lets go of a memory whose opening it did not wait for', async () => {
    await load();
    const { userDir } = flow;
    // Right after a deployment, while the memories of the one before are still being opened.
    await flow.deploy(nodes({ memory: { name: 'again' } }), 'full');
    await flow.deploy([], 'full');
    await using storage = createFeatureStorage({
      indexPath: path.join(userDir, 'earmark', 'memory'),
      dimensions: 8,
    });
    await storage.initialize();
    expect(await storage.countPatterns()).toBe(0);
  });

  it('refuses a folder outside the user directory', async () => {
    await load({ memory: { folder: path.join('..', 'elsewhere') } });
    await flow.status('query', 'status.memory-failed');
    flow.send('query', {});
    expect(error((await flow.arrived('caught'))[0]).code).toBe('PATH');
  });

  it('says that none is chosen', async () => {
    await load({ query: { memory: '' } });
    await flow.status('query', 'status.not-set-up');
    flow.send('query', {});
    expect(error((await flow.arrived('caught'))[0]).code).toBe('NOT_SET_UP');
  });
});
