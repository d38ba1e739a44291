import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeWav } from '../../src/audio/index.ts';
import { startAnsweringBridge } from '../answering-bridge.ts';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { type FlowNode, type Received, TestFlow } from './test-flow.ts';

const join = createRequire(import.meta.url)('@node-red/nodes/core/sequence/17-split.js');
const rate = 16_000;
/** The fixture model is quick, and gives equal sounds equal vectors. */
let server: RealBridge;
let flow: TestFlow;

beforeAll(async () => {
  server = await startRealBridge({ model: 'fixture' });
});
afterAll(() => server[Symbol.asyncDispose]());
afterEach(() => flow.close());

async function load(options: object = {}, bridge: object = {}): Promise<void> {
  flow = await TestFlow.load(
    [
      { id: 'bridge', type: 'earmark-bridge', url: server.url, ...bridge },
      { id: 'extract', type: 'earmark-wav2vec2-extract', wires: [['out']], ...options },
      { id: 'out', type: 'helper' },
      { id: 'catch', type: 'catch', scope: ['extract'], wires: [['caught']] },
      { id: 'caught', type: 'helper' },
    ] satisfies FlowNode[],
    { credentials: { bridge: { token: server.token } } },
  );
}

const tone = (hertz: number, seconds = 1) =>
  Float32Array.from({ length: seconds * rate }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));
const wav = (hertz: number, seconds?: number) => Buffer.from(encodeWav(tone(hertz, seconds), rate));
const vector = (message: Received) => message.payload as number[];

describe('wav2vec2 extract', () => {
  it('makes plain numbers of a sound, whichever way it comes', async () => {
    await load();
    const raw = Buffer.from(Int16Array.from(tone(440), (sample) => Math.round(sample * 32_767)).buffer);
    flow.send('extract', { payload: wav(440), topic: 'kept', kept: 1 });
    flow.send('extract', { payload: raw, audio: { sampleRate: rate } });
    flow.send('extract', { payload: Array.from(tone(440)), audio: { sampleRate: rate } });
    const messages = await flow.arrived('out', 3);
    const [first] = messages;
    expect(Array.isArray(first!.payload)).toBe(true);
    expect(first).toMatchObject({
      kept: 1,
      topic: 'kept',
      features: {
        model: expect.any(String),
        revision: expect.any(String),
        dimensions: vector(first!).length,
        startTime: 0,
        endTime: 1,
      },
    });
    const { low, high } = (first!.features as { frequencyRange: { low: number; high: number } })
      .frequencyRange;
    expect(low).toBeLessThanOrEqual(440);
    expect(high).toBeGreaterThanOrEqual(440);
    for (const message of messages) {
      for (const [i, number] of vector(message).entries()) expect(number).toBeCloseTo(vector(first!)[i]!, 2);
    }
  });

  it('passes the sound on as a WAV file, or not', async () => {
    await load();
    flow.send('extract', { payload: wav(440) });
    const [kept] = await flow.arrived('out');
    const { clip } = kept!.audio as { clip: Buffer };
    expect(clip.toString('latin1', 8, 12)).toBe('WAVE');
    flow.send('extract', { payload: wav(440), options: { passSound: false } });
    expect((await flow.arrived('out', 2))[1]!.audio).toBeUndefined();
    await flow.close();
    await load({ passSound: false });
    flow.send('extract', { payload: wav(440) });
    const [bare] = await flow.arrived('out');
    expect(bare!.audio).toBeUndefined();
  });

  it('cuts a long sound into a sequence', async () => {
    await load({ cut: 'windows', windowSeconds: '1', hopSeconds: '0.5' });
    flow.send('extract', { payload: wav(440, 2), audio: { payloadStart: 10 } });
    const messages = await flow.arrived('out', 3);
    expect(messages.map(({ features }) => (features as { startTime: number }).startTime)).toEqual([
      10, 10.5, 11,
    ]);
    expect(messages.map(({ parts }) => (parts as { index: number }).index)).toEqual([0, 1, 2]);
    expect(messages[0]!.parts).toMatchObject({ type: 'array', count: 3 });
  });

  it.each([
    ['a text', { payload: 'hello' }, 'BAD_MESSAGE'],
    [
      'a sound that is too short',
      { payload: Array.from(tone(440, 0.001)), audio: { sampleRate: rate } },
      'TOO_SHORT',
    ],
    [
      'more sound than it may hold',
      { payload: Buffer.alloc(2 * 1_100_000), audio: { sampleRate: 1000 } },
      'BAD_MESSAGE',
    ],
    ['a model that is not there', { payload: wav(440), options: { model: 'nothing' } }, 'MODEL_NOT_FOUND'],
  ])('reports %s and goes on', async (_what, message, code) => {
    await load();
    flow.send('extract', message);
    flow.send('extract', { payload: wav(440) });
    const [caught] = await flow.arrived('caught');
    expect(caught!.error).toMatchObject({ code });
    await flow.arrived('out');
  });

  it('is read for no faster than it works, so that a file loses nothing in the smallest queue', async () => {
    flow = await TestFlow.load(
      [
        { id: 'bridge', type: 'earmark-bridge', url: server.url },
        {
          id: 'capture',
          type: 'earmark-capture',
          ...{ windowSeconds: '0.1', hopSeconds: '0.1' },
          wires: [['extract']],
        },
        { id: 'extract', type: 'earmark-wav2vec2-extract', queueLimit: '1', wires: [['out']] },
        { id: 'out', type: 'helper' },
      ] satisfies FlowNode[],
      { credentials: { bridge: { token: server.token } } },
    );
    writeFileSync(path.join(flow.userDir, 'tone.wav'), wav(440, 6));
    flow.send('capture', { filename: 'tone.wav' });
    const messages = await flow.arrived('out', 60);
    const starts = messages.map(({ features }) => (features as { startTime: number }).startTime);
    expect(starts).toEqual(Array.from({ length: 60 }, (_, i) => expect.closeTo(i / 10, 6)));
    expect(flow.statuses('extract').filter((text) => text.startsWith('status.dropped'))).toEqual([]);
  });

  it('gives the vectors of a file to join, one for each of its pieces', async () => {
    flow = await TestFlow.load(
      [
        { id: 'bridge', type: 'earmark-bridge', url: server.url },
        { id: 'capture', type: 'earmark-capture', wires: [['extract']] },
        { id: 'extract', type: 'earmark-wav2vec2-extract', wires: [['join']] },
        { id: 'join', type: 'join', mode: 'auto', wires: [['out']] },
        { id: 'out', type: 'helper' },
      ] satisfies FlowNode[],
      { credentials: { bridge: { token: server.token } }, extraNodes: [join] },
    );
    writeFileSync(path.join(flow.userDir, 'tone.wav'), wav(440, 3));
    flow.send('capture', { filename: 'tone.wav' });
    const [gathered] = await flow.arrived('out');
    const { dimensions } = gathered!.features as { dimensions: number };
    const vectors = gathered!.payload as unknown as number[][];
    expect(vectors.map((one) => [Array.isArray(one), one.length])).toEqual(Array(3).fill([true, dimensions]));
  });

  it('says that no bridge is chosen', async () => {
    await load({ bridge: '' });
    await flow.status('extract', 'status.not-set-up');
    flow.send('extract', { payload: wav(440) });
    const [caught] = await flow.arrived('caught');
    expect(caught!.error).toMatchObject({ code: 'NOT_SET_UP' });
  });

  it('waits for a bridge that is away and loses nothing that its queue can hold', async () => {
    await load();
    await flow.status('extract', 'status.ready');
    await server.kill();
    for (let i = 0; i < 5; i++) flow.send('extract', { payload: wav(200 + 100 * i), index: i });
    await flow.status('extract', 'status.bridge-away');
    expect(flow.received('out')).toEqual([]);
    await server.restart();
    const messages = await flow.arrived('out', 5);
    expect(messages.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    await flow.status('extract', 'status.ready');
    expect(flow.received('caught')).toEqual([]);
  });

  it('loses nothing to a circuit that is open', async () => {
    let calls = 0;
    await using failing = await startAnsweringBridge({
      answer: (path) => {
        if (!path.startsWith('/process')) return undefined;
        const code = ++calls > 5 ? 'TOO_SHORT' : 'INTERNAL';
        return [500, JSON.stringify({ error: { code, message: 'Said by the test.', retryable: false } })];
      },
    });
    await load({}, { url: failing.url, retries: '0' });
    await flow.status('extract', 'status.ready');
    for (let i = 0; i < 12; i++) flow.send('extract', { payload: wav(440) });
    const caught = await flow.arrived('caught', 12);
    const codes = caught.map(({ error }) => (error as { code: string }).code);
    expect(codes).toEqual([...Array(5).fill('INTERNAL'), ...Array(7).fill('TOO_SHORT')]);
  });

  it('shows a wrong token as what it is', async () => {
    await load();
    await flow.close();
    flow = await TestFlow.load(
      [
        { id: 'bridge', type: 'earmark-bridge', url: server.url },
        { id: 'extract', type: 'earmark-wav2vec2-extract', wires: [['out']] },
        { id: 'out', type: 'helper' },
        { id: 'catch', type: 'catch', scope: ['extract'], wires: [['caught']] },
        { id: 'caught', type: 'helper' },
      ],
      { credentials: { bridge: { token: 'wrong' } } },
    );
    flow.send('extract', { payload: wav(440) });
    const [caught] = await flow.arrived('caught');
    expect(caught!.error).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});
