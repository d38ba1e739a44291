import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { sampleSounds } from '../../nodes/package-folder.ts';
import { holdCredit } from '../../nodes/source-credits.ts';
import { encodeWav } from '../../src/audio/index.ts';
import { noFfmpeg } from '../audio/needs-ffmpeg.ts';
import { type FlowNode, type Received, TestFlow } from './test-flow.ts';

let flow: TestFlow;
afterEach(() => flow.close());

async function load(options: object): Promise<void> {
  flow = await TestFlow.load([
    { id: 'capture', type: 'earmark-capture', wires: [['out']], ...options },
    { id: 'out', type: 'helper' },
    { id: 'catch', type: 'catch', scope: ['capture'], wires: [['caught']] },
    { id: 'caught', type: 'helper' },
    { id: 'complete', type: 'complete', scope: ['capture'], wires: [['done']] },
    { id: 'done', type: 'helper' },
  ] satisfies FlowNode[]);
}

const audioOf = (message: Received) =>
  message.audio as Record<string, number> & { session?: string; gap: boolean };
const rate = 16_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A tone whose every sample is known. */
const tone = (seconds: number) =>
  Float32Array.from({ length: seconds * rate }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * i) / rate));

describe('capture', () => {
  it('cuts a file into windows of one sequence, whole and in order', async () => {
    await load({ windowSeconds: '1', hopSeconds: '0.5' });
    writeFileSync(path.join(flow.userDir, 'tone.wav'), encodeWav(tone(2), rate));
    flow.send('capture', { filename: 'tone.wav', kept: 'yes' });
    await flow.arrived('done');
    const messages = flow.received('out');
    expect(messages.map((message) => audioOf(message).startTime)).toEqual([0, 0.5, 1]);
    for (const [index, message] of messages.entries()) {
      expect(message.payload).toHaveLength(rate * 2);
      expect(message).toMatchObject({
        kept: 'yes',
        format: 'raw',
        topic: path.join(flow.userDir, 'tone.wav'),
        filename: path.join(flow.userDir, 'tone.wav'),
        audio: { sampleRate: rate, channels: 1, encoding: 's16le', durationMs: 1000, gap: false },
        parts: { type: 'buffer', index, ...(index === 2 && { count: 3 }) },
      });
    }
    expect(new Set(messages.map(({ parts }) => (parts as { id: string }).id)).size).toBe(1);
  });

  it('reads a folder file by file, each a sequence of its own', async () => {
    await load({});
    const folder = path.join(flow.userDir, 'sounds');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'a.wav'), encodeWav(tone(2), rate));
    writeFileSync(path.join(folder, 'b.wav'), encodeWav(tone(1), rate));
    flow.send('capture', { filename: folder });
    await flow.arrived('done');
    const seen = flow.received('out').map(({ filename, parts }) => {
      const { index, count } = parts as { index: number; count?: number };
      return [path.basename(filename as string), index, count];
    });
    expect(seen).toEqual([
      ['a.wav', 0, undefined],
      ['a.wav', 1, 2],
      ['b.wav', 0, 1],
    ]);
  });

  it('says which file of a folder it cannot read, and goes on with the next', async () => {
    await load({});
    const folder = path.join(flow.userDir, 'sounds');
    mkdirSync(folder);
    const broken = path.join(folder, 'a.wav');
    writeFileSync(broken, 'no sound');
    writeFileSync(path.join(folder, 'b.wav'), encodeWav(tone(1), rate));
    flow.send('capture', { filename: folder });
    await flow.arrived('done');
    expect(flow.received('caught')).toMatchObject([{ filename: broken, error: { code: 'FORMAT' } }]);
    expect(flow.received('out').map(({ filename }) => path.basename(filename as string))).toEqual(['b.wav']);
  });

  it('finds each sample sound as one sound', async () => {
    await load({ source: 'samples', cut: 'sounds', autoStart: true });
    await flow.arrived('done');
    const files = flow.received('out').map(({ filename }) => path.basename(filename as string));
    expect(files).toEqual(readdirSync(sampleSounds).sort());
    for (const message of flow.received('out')) {
      expect(audioOf(message).durationMs).toBeGreaterThan(200);
      expect(audioOf(message).frequencyRange).toMatchObject({
        low: expect.any(Number),
        high: expect.any(Number),
      });
    }
  });

  it('sends sound from a message as WAV files that it can read again', async () => {
    await load({ source: 'message', format: 'wav' });
    flow.send('capture', { payload: Buffer.from(encodeWav(tone(1), rate)), topic: 'kitchen' });
    const [first] = await flow.arrived('out');
    expect(first).toMatchObject({ topic: 'kitchen', format: 'wav' });
    flow.send('capture', { payload: first!.payload });
    const [, again] = await flow.arrived('out', 2);
    expect((again!.payload as Buffer).length).toBe((first!.payload as Buffer).length);
  });

  it('reads no further ahead than the nodes behind can work', async () => {
    await load({ windowSeconds: '0.1', hopSeconds: '0.1' });
    writeFileSync(path.join(flow.userDir, 'tone.wav'), encodeWav(tone(2), rate));
    const releases: (() => void)[] = [];
    // Stands for a node behind that works on everything and is never done by itself.
    flow.listen('out', (message) => releases.push(holdCredit(audioOf(message).session!)));
    flow.send('capture', { filename: 'tone.wav' });
    await flow.arrived('out', 2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(flow.received('out')).toHaveLength(2);
    for (let sent = 3; sent <= 20; sent++) {
      releases.shift()!();
      await flow.arrived('out', sent);
    }
    for (const release of releases) release();
    await flow.arrived('done');
    expect(flow.received('out')).toHaveLength(20);
  });

  it.skipIf(noFfmpeg)('hears a stream again that was lost, the gap in its place (needs ffmpeg)', async () => {
    const second = encodeWav(tone(1), rate);
    await using station = createHttpServer((_request, response) => response.end(second)).listen(
      0,
      '127.0.0.1',
    );
    await once(station, 'listening');
    const { port } = station.address() as { port: number };
    const url = `http://127.0.0.1:${port}/live`;
    await load({ source: 'url', url, windowSeconds: '0.5', hopSeconds: '0.5', autoStart: true });
    const [first, next, again] = (await flow.arrived('out', 4)).map(audioOf);
    expect([first!.startTime, next!.startTime]).toEqual([0, 0.5]);
    expect(again!.startTime).toBeGreaterThanOrEqual(1);
    expect([first!.gap, next!.gap, again!.gap]).toEqual([false, false, true]);
  });

  it('hears raw samples from the network, and says when they are cut off, silent, or gone', async () => {
    const port = await freePort();
    const network = { source: 'network', protocol: 'tcp', host: '127.0.0.1', port: String(port) };
    await load({ ...network, sampleRate: '16000', windowSeconds: '0.5', hopSeconds: '0.5', autoStart: true });
    await flow.status('capture', 'status.waiting');
    const sender = connect(port, '127.0.0.1');
    const send = (value: (i: number) => number, seconds: number) =>
      sender.write(
        new Uint8Array(
          Int16Array.from({ length: seconds * rate }, (_, i) =>
            Math.max(-32_768, Math.min(32_767, 32_768 * value(i))),
          ).buffer,
        ),
      );
    send((i) => 1.2 * Math.sin((2 * Math.PI * 440 * i) / rate), 1);
    await flow.arrived('out', 2);
    expect(flow.received('out').map((message) => audioOf(message).startTime)).toEqual([0, 0.5]);
    await flow.status('capture', 'status.clipped');
    send(() => 0, 8);
    await flow.status('capture', 'status.silent');
    sender.destroy();
    await flow.status('capture', 'status.retrying');
  });

  it('says how much of what a browser records was lost on its way', async () => {
    await load({ source: 'browser', autoStart: true });
    await flow.status('capture', 'status.browser');
    const part = (firstSample: number) =>
      flow.post(
        `/earmark/capture/capture/microphone/audio?recording=one&firstSample=${firstSample}&sampleRate=${rate}`,
        Buffer.alloc(rate),
      );
    await part(0);
    await flow.status('capture', 'status.listening');
    await part(2 * rate);
    await flow.status('capture', 'status.dropped');
  });

  it('stops in the middle of a file and can be started again', async () => {
    await load({ pace: 'live', windowSeconds: '0.1', hopSeconds: '0.1' });
    writeFileSync(path.join(flow.userDir, 'tone.wav'), encodeWav(tone(30), rate));
    flow.send('capture', { filename: 'tone.wav' });
    await flow.arrived('out', 2);
    flow.send('capture', { payload: 'stop' });
    await flow.arrived('done');
    await flow.status('capture', 'status.stopped');
    const before = flow.received('out').length;
    expect(before).toBeLessThan(100);
    flow.send('capture', { filename: 'tone.wav' });
    await flow.arrived('out', before + 2);
    expect(audioOf(flow.received('out')[before]!).startTime).toBe(0);
  });

  it('says how the file went that was read next after a stop', async () => {
    await load({ pace: 'live', windowSeconds: '0.1', hopSeconds: '0.1' });
    writeFileSync(path.join(flow.userDir, 'long.wav'), encodeWav(tone(30), rate));
    writeFileSync(path.join(flow.userDir, 'short.wav'), encodeWav(tone(0.5), rate));
    flow.send('capture', { filename: 'long.wav' });
    await flow.arrived('out');
    flow.send('capture', { payload: 'stop' });
    flow.send('capture', { filename: 'short.wav' });
    await flow.arrived('done', 3);
    await flow.status('capture', 'status.finished');
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(flow.statuses('capture').at(-1)).toBe('status.finished');
  });

  it.each([
    ['a file that is not there', { filename: 'nothing.wav' }, 'NOT_FOUND'],
    ['a file that is no sound', { filename: 'notes.txt' }, 'FORMAT'],
    ['no file at all', {}, 'BAD_MESSAGE'],
  ])('says what is wrong with %s, and goes on', async (_what, message, code) => {
    await load({});
    writeFileSync(
      path.join(flow.userDir, 'notes.txt'),
      'milk, eggs, bread and some more words to be long enough',
    );
    copyFileSync(path.join(sampleSounds, '01-doorbell.wav'), path.join(flow.userDir, 'good.wav'));
    flow.send('capture', message);
    const [caught] = await flow.arrived('caught');
    expect(caught!.error).toMatchObject({ code });
    flow.send('capture', { filename: 'good.wav' });
    await flow.arrived('out', 1);
  });

  it.each([
    ['a text', { payload: 'hello' }],
    ['a list of texts', { payload: ['a'], audio: { sampleRate: rate } }],
    ['samples without their rate', { payload: [0, 0.1] }],
  ])('refuses %s as sound', async (_what, message) => {
    await load({ source: 'message' });
    flow.send('capture', message);
    const [caught] = await flow.arrived('caught');
    expect(caught!.error).toMatchObject({ code: 'BAD_MESSAGE' });
  });

  it('takes its options from the message', async () => {
    await load({ source: 'message', windowSeconds: '1', hopSeconds: '1' });
    const options = { windowSeconds: 0.5, hopSeconds: 0.25, format: 'wav' };
    flow.send('capture', { payload: Array.from(tone(1)), audio: { sampleRate: rate }, options });
    await flow.arrived('done');
    expect(flow.received('out').map((message) => audioOf(message).startTime)).toEqual([0, 0.25, 0.5]);
    expect(flow.received('out')[0]).toMatchObject({ format: 'wav', parts: { type: 'array', len: 1 } });
  });

  it('passes on the options that are for the nodes behind, and keeps its own', async () => {
    await load({ source: 'message' });
    const message = { payload: Array.from(tone(1)), audio: { sampleRate: rate } };
    flow.send('capture', { ...message, options: { cut: 'windows', windowSeconds: 0.5, model: 'fixture' } });
    flow.send('capture', { ...message, options: { cut: 'windows' } });
    const [first, , last] = await flow.arrived('out', 3);
    expect(first!.options).toEqual({ model: 'fixture' });
    expect(last!).not.toHaveProperty('options');
  });

  it('reads every file that messages name where the dialog has a microphone', async () => {
    await load({ source: 'microphone', windowSeconds: '1' });
    writeFileSync(path.join(flow.userDir, 'tone.wav'), encodeWav(tone(1), rate));
    const options = { source: 'file', path: 'tone.wav' };
    for (let i = 0; i < 3; i++) flow.send('capture', { options });
    await flow.arrived('done', 3);
    expect(flow.received('out')).toHaveLength(3);
  });

  it('says once that a port is taken, takes no second start, and listens when it is free', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await load({ source: 'network', protocol: 'tcp', host: '127.0.0.1', port: String(port) });
    const warn = vi.spyOn(flow.node('capture'), 'warn');
    flow.send('capture', { payload: 'start' });
    flow.send('capture', { payload: 'start' });
    await flow.arrived('done');
    await flow.status('capture', 'status.retrying');
    await new Promise((resolve) => setTimeout(resolve, 6000));
    expect(warn).toHaveBeenCalledTimes(1);
    other.close();
    await flow.status('capture', 'status.waiting');
    expect(flow.received('done')).toHaveLength(1);
    expect(flow.received('caught')).toEqual([]);
  }, 20_000);

  it('reads what the message names in place of the source in the dialog', async () => {
    await load({ source: 'microphone' });
    const options = { source: 'message' };
    flow.send('capture', { payload: Array.from(tone(2)), audio: { sampleRate: rate }, options });
    await flow.arrived('done');
    expect(flow.received('out').map((message) => audioOf(message).startTime)).toEqual([0, 1]);
    const port = await freePort();
    const network = { source: 'network', protocol: 'tcp', host: '127.0.0.1', port, sampleRate: 8000 };
    flow.send('capture', { payload: 'start', options: network });
    await flow.status('capture', 'status.waiting');
    connect(port, '127.0.0.1').end(new Uint8Array(2 * 8000));
    expect(audioOf((await flow.arrived('out', 3))[2]!)).toMatchObject({ startTime: 0, sampleRate: rate });
    flow.send('capture', { payload: 'stop' });
    await flow.status('capture', 'status.stopped');
  });
});
