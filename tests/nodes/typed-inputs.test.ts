import { afterEach, describe, expect, it, vi } from 'vitest';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { TestFlow } from './test-flow.ts';

type Context = { set(name: string, value: unknown): void };

let flow: TestFlow;
afterEach(async () => {
  vi.unstubAllEnvs();
  await flow.close();
});

/** Unit vectors with a similarity of 0.8. */
const ring = [1, 0, 0, 0, 0, 0, 0, 0];
const knock = [0.8, 0.6, 0, 0, 0, 0, 0, 0];

const helpers = (...ids: string[]) => ids.map((id) => ({ id, type: 'helper' }));
const context = (node: string) => flow.node(node).context() as unknown as Record<'flow' | 'global', Context>;

describe('a field of a dialog takes its value', () => {
  async function loadMemory(): Promise<void> {
    vi.stubEnv('EARMARK_TEST_KIND', 'alarm');
    flow = await TestFlow.load([
      { id: 'memory', type: 'earmark-memory' },
      {
        ...{ id: 'store', type: 'earmark-store-pattern', wires: [['stored']] },
        ...{ kind: 'EARMARK_TEST_KIND', kindType: 'env', tags: 'tags', tagsType: 'flow' },
      },
      {
        ...{ id: 'similar', type: 'earmark-similar', mode: 'neighbours', wires: [['match'], ['unknown']] },
        ...{ threshold: 'sameFrom', thresholdType: 'global' },
      },
      {
        ...{ id: 'query', type: 'earmark-query', wires: [['found']] },
        ...{ lastHours: 'minutes / 60', lastHoursType: 'jsonata' },
      },
      { id: 'catch', type: 'catch', scope: ['similar', 'query'], wires: [['caught']] },
      ...helpers('stored', 'match', 'unknown', 'found', 'caught'),
    ]);
  }

  it('kind and tags from the environment and the flow', async () => {
    await loadMemory();
    flow.send('store', { payload: ring });
    const [plain] = await flow.arrived('stored');
    expect(plain!.payload).toMatchObject({ type: 'alarm' });
    expect(plain!.payload).not.toMatchObject({ tags: expect.arrayContaining([expect.anything()]) });
    context('store').flow.set('tags', 'kitchen, loud');
    flow.send('store', { payload: ring });
    expect((await flow.arrived('stored', 2))[1]!.payload).toMatchObject({ tags: ['kitchen', 'loud'] });
    context('store').flow.set('tags', ['hall', 7, {}]);
    flow.send('store', { payload: ring });
    expect((await flow.arrived('stored', 3))[2]!.payload).toMatchObject({ tags: ['hall', '7'] });
    flow.send('store', { payload: ring, options: { kind: 'bell', tags: ['given'] } });
    const given = (await flow.arrived('stored', 4))[3];
    expect(given!.payload).toMatchObject({ type: 'bell', tags: ['given'] });
    vi.stubEnv('EARMARK_TEST_KIND', '');
    flow.send('store', { payload: ring });
    expect((await flow.arrived('stored', 5))[4]!.payload).toMatchObject({ type: 'sound' });
  });

  it('a threshold from the global context, unless the message says one', async () => {
    await loadMemory();
    flow.send('store', { payload: ring });
    await flow.arrived('stored');
    context('similar').global.set('sameFrom', 0.9);
    flow.send('similar', { payload: knock });
    await flow.arrived('unknown');
    flow.send('similar', { payload: knock, options: { threshold: 0.5 } });
    await flow.arrived('match');
    context('similar').global.set('sameFrom', '0.7');
    flow.send('similar', { payload: knock });
    await flow.arrived('match', 2);
    context('similar').global.set('sameFrom', 80);
    flow.send('similar', { payload: knock });
    const message = 'NodeError: threshold must be a number of -1 to 1.';
    expect((await flow.arrived('caught'))[0]!.error).toMatchObject({ code: 'BAD_MESSAGE', message });
    // Nothing there is the same as an empty field.
    context('similar').global.set('sameFrom', undefined);
    flow.send('similar', { payload: knock });
    await flow.arrived('match', 3);
  });

  it('hours from an expression', async () => {
    await loadMemory();
    const asked = Date.now();
    flow.send('query', { minutes: 90 });
    const [{ query }] = (await flow.arrived('found')) as unknown as [
      { query: { createdAt: { min: number } } },
    ];
    expect(query.createdAt.min - asked).toBeGreaterThanOrEqual(-90 * 60_000);
    expect(query.createdAt.min - asked).toBeLessThan(-89 * 60_000);
    flow.send('query', { minutes: -90 });
    const message = 'NodeError: lastHours must be a number of 0 or more.';
    expect((await flow.arrived('caught'))[0]!.error).toMatchObject({ code: 'BAD_MESSAGE', message });
  });

  it('as an empty one where nothing is on the way to it, or a flow written by hand lacks the field', async () => {
    flow = await TestFlow.load([
      { id: 'memory', type: 'earmark-memory' },
      {
        ...{ id: 'store', type: 'earmark-store-pattern', wires: [['stored']] },
        ...{ label: 'said.by.nobody', kind: undefined, tags: undefined },
      },
      { id: 'catch', type: 'catch', scope: ['store'], wires: [['caught']] },
      ...helpers('stored', 'caught'),
    ]);
    flow.send('store', { payload: ring });
    const [stored] = await flow.arrived('stored');
    expect(stored!.payload).toMatchObject({ type: 'sound', label: null, tags: [] });
    expect(flow.received('caught')).toEqual([]);
  });

  it.each([
    ['jsonata', 'payload + "s"', /must evaluate to a number/],
    ['jsonata', '$uppercase(', /end of expression/],
    ['msg', 'labels[', /unterminated/],
  ])('of type %s, and says what is wrong with %s', async (labelType, label, said) => {
    flow = await TestFlow.load([
      { id: 'memory', type: 'earmark-memory' },
      { id: 'store', type: 'earmark-store-pattern', wires: [[]], label, labelType },
      { id: 'catch', type: 'catch', scope: ['store'], wires: [['caught']] },
      ...helpers('caught'),
    ]);
    flow.send('store', { payload: ring });
    const [{ error }] = (await flow.arrived('caught')) as unknown as [{ error: object }];
    expect(error).toMatchObject({ code: 'BAD_MESSAGE', message: expect.stringMatching(said) });
  });

  it('a microphone from an expression', async () => {
    flow = await TestFlow.load([
      {
        ...{ id: 'capture', type: 'earmark-capture', source: 'microphone', wires: [[]] },
        ...{ device: '"no-such-" & "microphone"', deviceType: 'jsonata' },
      },
    ]);
    const warn = vi.spyOn(flow.node('capture'), 'warn');
    flow.send('capture', { payload: 'start' });
    await vi.waitFor(() => expect(warn).toHaveBeenCalled(), { timeout: 15_000 });
    expect(String(warn.mock.calls[0]![0])).toContain('no-such-microphone');
    flow.send('capture', { payload: 'stop' });
  });

  it('a model from the message', async () => {
    const server: RealBridge = await startRealBridge({ model: 'fixture' });
    try {
      flow = await TestFlow.load(
        [
          { id: 'bridge', type: 'earmark-bridge', url: server.url },
          {
            ...{ id: 'extract', type: 'earmark-wav2vec2-extract', wires: [['out']] },
            ...{ model: 'ear', modelType: 'msg' },
          },
          { id: 'catch', type: 'catch', scope: ['extract'], wires: [['caught']] },
          ...helpers('out', 'caught'),
        ],
        { credentials: { bridge: { token: server.token } } },
      );
      const sound = {
        payload: Array.from({ length: 16_000 }, (_, i) => Math.sin(i) / 2),
        audio: { sampleRate: 16_000 },
      };
      flow.send('extract', { ...sound });
      await flow.arrived('out');
      flow.send('extract', { ...sound, ear: 'no-such-model' });
      expect((await flow.arrived('caught'))[0]!.error).toMatchObject({ code: 'MODEL_NOT_FOUND' });
      flow.send('extract', { ...sound, ear: 'no-such-model', options: { model: 'fixture' } });
      await flow.arrived('out', 2);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
});
