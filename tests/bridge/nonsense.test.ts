import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import {
  featuresFrame,
  openStream,
  type PeerConversation,
  peerModel,
  readyMessage,
  startScriptedPeer,
} from './scripted-peer.ts';
import { collect, fileOf, hopSamples, patiently, windowOf } from './window-source.ts';

/** Opens a stream, takes its first window and then does `wrong`. */
function afterFirstWindow(wrong: (peer: PeerConversation, stream: number) => void) {
  return async (peer: PeerConversation) => {
    const stream = await openStream(peer);
    await peer.window();
    wrong(peer, stream);
  };
}

/** Says `wrong` where `ready` belongs. */
function insteadOfReady(wrong: unknown) {
  return async (peer: PeerConversation) => {
    await peer.heard('hello');
    peer.say(wrong);
  };
}

const answer = { seq: 0, firstSample: 0 };
const nonsense: [string, (peer: PeerConversation) => Promise<void>][] = [
  ['text that is no JSON', insteadOfReady('<html>busy</html>')],
  ['an unknown message', insteadOfReady({ type: 'welcome' })],
  ['another version', insteadOfReady({ ...readyMessage, version: 2 })],
  ['an answer before ready', insteadOfReady({ type: 'opened', stream: 0, model: peerModel, credit: 1 })],
  ['a frame before ready', insteadOfReady(featuresFrame({ stream: 0, ...answer }))],
  [
    'limits that forbid every vector',
    insteadOfReady({ ...readyMessage, limits: { ...readyMessage.limits, maxCreditBytes: -1 } }),
  ],
  ['ready twice', afterFirstWindow((peer) => peer.say(readyMessage))],
  [
    'a stream opened twice',
    afterFirstWindow((peer, stream) => peer.say({ type: 'opened', stream, model: peerModel, credit: 9 })),
  ],
  [
    'news of a stream that is not open',
    afterFirstWindow((peer) => peer.say({ type: 'credit', stream: 77, bytes: 1 })),
  ],
  [
    'the end of a stream that was not to end',
    afterFirstWindow((peer, stream) => peer.say({ type: 'closed', stream, nextSeq: 0 })),
  ],
  [
    'finalized unasked',
    afterFirstWindow((peer, stream) => peer.say({ type: 'finalized', stream, nextSeq: 0 })),
  ],
  [
    'a frame cut off',
    afterFirstWindow((peer, stream) => peer.say(featuresFrame({ stream, ...answer }).subarray(0, 30))),
  ],
  [
    'a frame of an unknown version',
    afterFirstWindow((peer, stream) => {
      const frame = featuresFrame({ stream, ...answer });
      frame[0] = 9;
      peer.say(frame);
    }),
  ],
  [
    'the wrong number of dimensions',
    afterFirstWindow((peer, stream) => peer.say(featuresFrame({ stream, ...answer, values: [1, 0] }))),
  ],
  [
    'a vector with NaN',
    afterFirstWindow((peer, stream) =>
      peer.say(featuresFrame({ stream, ...answer, values: [Number.NaN, 0, 0, 0] })),
    ),
  ],
  [
    'an answer to another window',
    afterFirstWindow((peer, stream) => peer.say(featuresFrame({ stream, seq: 1, firstSample: hopSamples }))),
  ],
  [
    'an answer about other audio',
    afterFirstWindow((peer, stream) => peer.say(featuresFrame({ stream, seq: 0, firstSample: 5 }))),
  ],
  [
    'a gap that was not sent',
    afterFirstWindow((peer, stream) => peer.say(featuresFrame({ stream, ...answer, gap: true }))),
  ],
  [
    'a failure of a window that it does not have',
    afterFirstWindow((peer, stream) =>
      peer.say({ type: 'error', code: 'MODEL_FAILED', message: 'no', retryable: false, stream, seq: 5 }),
    ),
  ],
  [
    'an error of an unknown kind',
    afterFirstWindow((peer) => peer.say({ type: 'error', code: 'OOPS', message: 'no', retryable: true })),
  ],
  ['a message without end', afterFirstWindow((peer) => peer.say(Buffer.alloc(2_000_000)))],
];

describe('a server that answers nonsense', () => {
  test.each(nonsense)('ends the stream by an error: %s', async (_name, script) => {
    const peer = await startScriptedPeer(script);
    await using service = new PythonBridgeService({ baseUrl: peer.url });
    await expect(collect(service.processAudioStream(fileOf(3)))).rejects.toMatchObject({
      code: 'BAD_RESPONSE',
      retryable: false,
    });
    expect(peer.upgrades).toBe(1);
    await expect.poll(() => peer.connections, patiently).toBe(0);
    await peer.close();
  });

  test('an answer given twice ends the stream after the first', async () => {
    const peer = await startScriptedPeer(
      afterFirstWindow((peer, stream) => {
        peer.say(featuresFrame({ stream, ...answer }));
        peer.say(featuresFrame({ stream, ...answer }));
      }),
    );
    await using service = new PythonBridgeService({ baseUrl: peer.url });
    const stream = service.processAudioStream(fileOf(3));
    expect((await stream.next()).value).toMatchObject({ ok: true, value: { seq: 0 } });
    await expect(stream.next()).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
    await peer.close();
  });

  test('more vectors than it was granted end the stream', async () => {
    const peer = await startScriptedPeer(async (peer) => {
      await peer.heard('hello');
      peer.say({ ...readyMessage, limits: { ...readyMessage.limits, maxCreditBytes: 100 } });
      const { stream, credit } = await peer.heard('open');
      expect(credit).toBe(100);
      peer.say({ type: 'opened', stream, model: peerModel, credit: 1_000_000 });
      for (let seq = 0; seq < 6; seq++) {
        await peer.window();
        peer.say(featuresFrame({ stream: stream as number, seq, firstSample: seq * hopSamples }));
      }
    });
    await using service = new PythonBridgeService({ baseUrl: peer.url });
    const stream = service.processAudioStream(fileOf(6));
    void stream.next(); // Nobody takes the others, so nothing is granted anew.
    await expect.poll(() => service.metrics().state, patiently).toBe('closed');
    await stream.return!();
    await peer.close();
  });

  test('a server that never says a word is given up after the time-out', async () => {
    const peer = await startScriptedPeer(async () => {});
    await using service = new PythonBridgeService({ baseUrl: peer.url, timeout: 200 });
    await expect(collect(service.processAudioStream(fileOf(1), { giveUpAfter: 500 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    await peer.close();
  });

  test('a server that lives but answers no window is connected anew', async () => {
    const peer = await startScriptedPeer(async (peer) => {
      const stream = await openStream(peer);
      const window = await peer.window();
      if (peer.connection > 0) peer.say(featuresFrame({ ...window, stream }));
    });
    await using service = new PythonBridgeService({ baseUrl: peer.url, timeout: 300 });
    const outcomes = await collect(service.processAudioStream(fileOf(1)));
    expect(outcomes).toMatchObject([{ ok: true, value: { seq: 0 } }]);
    expect(service.metrics()).toMatchObject({ reconnects: 1, resentWindows: 1 });
    await peer.close();
  });

  test('one that closes each connection after ready does not make the client hammer it', async () => {
    const peer = await startScriptedPeer(async (peer) => {
      await peer.heard('hello');
      peer.say(readyMessage);
      peer.socket.close(1011);
    });
    await using service = new PythonBridgeService({ baseUrl: peer.url });
    await expect(collect(service.processAudioStream(fileOf(1), { giveUpAfter: 1500 }))).rejects.toMatchObject(
      { code: 'UNREACHABLE' },
    );
    expect(peer.upgrades).toBeGreaterThan(1);
    expect(peer.upgrades).toBeLessThan(40);
    await peer.close();
  });

  test('one that asks to be left alone for years is not hammered', async () => {
    const peer = await startScriptedPeer(async (peer) => {
      await peer.heard('hello');
      peer.say({ type: 'error', code: 'OVERLOADED', message: 'full', retryable: true, retryAfterMs: 1e12 });
      peer.socket.close(4429);
    });
    await using service = new PythonBridgeService({ baseUrl: peer.url });
    await expect(collect(service.processAudioStream(fileOf(1), { giveUpAfter: 500 }))).rejects.toMatchObject({
      code: 'OVERLOADED',
    });
    expect(peer.upgrades).toBe(1);
    await peer.close();
  });

  test('another kind of server is told apart', async () => {
    const server = createServer((_request, response) => response.end('<h1>It works!</h1>')).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await using service = new PythonBridgeService({ baseUrl: `http://127.0.0.1:${port}` });
    await expect(collect(service.processAudioStream(fileOf(1)))).rejects.toMatchObject({
      code: 'BAD_RESPONSE',
    });
    await expect(service.listModels()).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
    await expect(service.processAudio(new Float32Array(1600), { sampleRate: 16_000 })).rejects.toMatchObject({
      code: 'BAD_RESPONSE',
    });
    server.closeAllConnections();
    server.close();
  });
});

describe('giving up', () => {
  const giveUpAfter = 1500;

  test('is not for a server that the consumer keeps from answering', async () => {
    const frameBytes = 24 + 4 * peerModel.dimensions;
    const peer = await startScriptedPeer(async (peer) => {
      await peer.heard('hello');
      const limits = { ...readyMessage.limits, maxCreditBytes: 2 * frameBytes };
      peer.say({ ...readyMessage, limits });
      const { stream, credit } = (await peer.heard('open')) as { stream: number; credit: number };
      peer.say({ type: 'opened', stream, model: peerModel, credit: 1_000_000 });
      for (let allowed = credit; ; allowed -= frameBytes) {
        const window = await peer.window();
        while (allowed < frameBytes) allowed += (await peer.heard('credit')).bytes as number;
        peer.say(featuresFrame({ ...window, stream }));
        // By now the consumer holds as many vectors as there is credit for.
        if (peer.connection === 0 && window.seq === 2) peer.socket.close(1012);
      }
    });
    await using service = new PythonBridgeService({ baseUrl: peer.url });
    const stream = service.processAudioStream(fileOf(10), { giveUpAfter });
    await stream.next();
    await expect.poll(() => peer.upgrades, patiently).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 2 * giveUpAfter));
    expect(await collect(stream)).toHaveLength(9);
    await peer.close();
  });

  test('is not for a source that is quiet after a window which could not be sent', async () => {
    const peer = await startScriptedPeer(async (peer) => {
      const stream = await openStream(peer);
      for (;;) peer.say(featuresFrame({ ...(await peer.window()), stream }));
    });
    async function* source() {
      yield windowOf(0, { samples: peerModel.maximumSamples + 1 });
      await new Promise((resolve) => setTimeout(resolve, 2 * giveUpAfter));
      yield windowOf(1);
    }
    await using service = new PythonBridgeService({ baseUrl: peer.url });
    const outcomes = await collect(service.processAudioStream(source(), { giveUpAfter }));
    expect(outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))).toEqual(['TOO_LARGE', 'ok']);
    await peer.close();
  });
});

describe('credit', () => {
  test('is never exceeded, and what comes late is used', async () => {
    const frameBytes = 24 + 2 * 1600;
    const peer = await startScriptedPeer(async (peer) => {
      const stream = await openStream(peer, frameBytes * 2);
      let allowed = frameBytes * 2;
      for (let seq = 0; seq < 6; seq++) {
        const window = await peer.window();
        allowed -= window.bytes;
        expect(allowed).toBeGreaterThanOrEqual(0);
        expect(window).toMatchObject({ stream, seq, count: 1600, firstSample: seq * hopSamples });
        peer.say(featuresFrame({ ...window, stream }));
        // In small pieces: only their sum lets the next window go.
        for (let i = 0; i < 4; i++) peer.say({ type: 'credit', stream, bytes: frameBytes / 4 });
        allowed += frameBytes;
      }
    });
    await using service = new PythonBridgeService({ baseUrl: peer.url });
    expect(await collect(service.processAudioStream(fileOf(6)))).toHaveLength(6);
    await peer.close();
  });

  test('a stream that is refused for now is opened again when the server said', async () => {
    const peer = await startScriptedPeer(async (peer) => {
      await peer.heard('hello');
      peer.say(readyMessage);
      const first = await peer.heard('open');
      const error = {
        type: 'error',
        code: 'OVERLOADED',
        message: 'full',
        retryable: true,
        retryAfterMs: 100,
      };
      peer.say({ ...error, stream: first.stream });
      const { stream } = await peer.heard('open');
      peer.say({ type: 'opened', stream, model: peerModel, credit: 1_000_000 });
      for (let i = 0; i < 3; i++)
        peer.say(featuresFrame({ ...(await peer.window()), stream: stream as number }));
    });
    await using service = new PythonBridgeService({ baseUrl: peer.url });
    expect(await collect(service.processAudioStream(fileOf(3)))).toHaveLength(3);
    expect(peer.upgrades).toBe(1);
    await peer.close();
  });
});

test('a stream that names no model gets the default, also while nothing is known of that', async () => {
  const peer = await startScriptedPeer(async (peer) => {
    await peer.heard('hello');
    peer.say({ ...readyMessage, default: 'not exported yet' });
    const { stream, model } = await peer.heard('open');
    expect(model).toBe('not exported yet');
    peer.say({ type: 'opened', stream, model: peerModel, credit: 1_000_000 });
    peer.say(featuresFrame({ ...(await peer.window()), stream: stream as number }));
  });
  await using service = new PythonBridgeService({ baseUrl: peer.url });
  expect(await collect(service.processAudioStream(fileOf(1)))).toMatchObject([{ ok: true }]);
  await peer.close();
});
