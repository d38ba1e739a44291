import fc from 'fast-check';
import WebSocket from 'ws';
import { BridgeError } from '../../src/bridge/bridge-error.ts';
import { parseServerMessage } from '../../src/bridge/control-messages.ts';
import { decodeFeaturesFrame, decodeFeaturesFrames } from '../../src/bridge/frames.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import type { RealBridge } from '../real-bridge.ts';
import { featuresFrame, openStream, peerModel, readyMessage, startScriptedPeer } from './scripted-peer.ts';
import { collect, fileOf } from './window-source.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

const answers = fc.record({
  stream: u32,
  seq: u32,
  gap: fc.boolean(),
  firstSample: fc.maxSafeNat(),
  values: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 64 }),
});

/** What can happen to bytes. */
type Damage =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'set'; at: number; byte: number }
  | { kind: 'cut'; at: number }
  | { kind: 'insert'; at: number; bytes: Uint8Array };

const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(400), bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(30), byte: fc.nat(255) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(400) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(400),
    bytes: fc.uint8Array({ maxLength: 40 }),
  }),
);

function damage(frame: Buffer, steps: readonly Damage[]): Buffer {
  let bytes = Buffer.from(frame);
  for (const step of steps) {
    const at = bytes.length === 0 ? 0 : step.at % bytes.length;
    if (step.kind === 'cut') bytes = bytes.subarray(0, at);
    else if (step.kind === 'insert')
      bytes = Buffer.concat([bytes.subarray(0, at), step.bytes, bytes.subarray(at)]);
    else if (bytes.length === 0) continue;
    else if (step.kind === 'set') bytes[at] = step.byte;
    else bytes[at]! ^= 1 << step.bit;
  }
  return bytes;
}

/** Frames that were right before something happened to them, and some that never were. */
export const damagedFrames: fc.Arbitrary<Buffer> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(answers, fc.array(damages, { maxLength: 3 }))
      .map(([answer, steps]) => damage(featuresFrame(answer), steps)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);

const serverMessages = [
  readyMessage,
  { type: 'opened', stream: 0, model: peerModel, credit: 4096 },
  { type: 'credit', stream: 0, bytes: 10 },
  { type: 'closed', stream: 0, nextSeq: 1 },
  { type: 'finalized', stream: 0, nextSeq: 1 },
  { type: 'pong', id: 0, queued: 0, busy: 0.5 },
  { type: 'draining', afterMs: 100 },
  { type: 'error', code: 'INTERNAL', message: 'no', retryable: true, stream: 0, seq: 0 },
];
const fieldNames = [
  'type',
  'stream',
  'model',
  'credit',
  'bytes',
  'nextSeq',
  'id',
  'code',
  'limits',
  'models',
  'seq',
  '__proto__',
];

/** Messages of the server with fields changed, left out or added. */
export const damagedMessages: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...serverMessages),
        fc.dictionary(fc.constantFrom(...fieldNames), fc.jsonValue(), { maxKeys: 2 }),
      )
      .map(([message, changes]) => JSON.stringify({ ...message, ...changes })),
  },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
);

/** A frame is read back as it was written, or refused by BAD_FRAME. @throws where neither is so */
export function checkFrame(bytes: Buffer): void {
  let frame: ReturnType<typeof decodeFeaturesFrame>;
  try {
    frame = decodeFeaturesFrame(bytes);
  } catch (error) {
    if (error instanceof BridgeError && error.code === 'BAD_FRAME') return;
    throw error;
  }
  const again = featuresFrame({ ...frame, values: [...frame.features] });
  if (!again.equals(bytes)) throw new Error(`read as something else: ${bytes.toString('hex')}`);
  if (decodeFeaturesFrames(Buffer.concat([bytes, bytes])).length !== 2)
    throw new Error('two frames are not two');
}

/** A message is read as one of its kind, or refused by BAD_RESPONSE. @throws where neither is so */
export function checkMessage(text: string): void {
  try {
    const { type } = parseServerMessage(text);
    if (type !== (JSON.parse(text) as { type: string }).type) throw new Error(`read as ${type}: ${text}`);
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== 'BAD_RESPONSE') throw error;
  }
}

/** Checks `runs` frames and as many messages. */
export function fuzzCodec(runs: number, seed: number): void {
  const options = { numRuns: runs, seed };
  fc.assert(fc.property(damagedFrames, checkFrame), options);
  fc.assert(fc.property(damagedMessages, checkMessage), options);
}

/**
 * Has a server say damaged things to a client on `connections` connections: each stream must end, by itself or with an error of
 * the closed set, and leave nothing behind. Returns how often which code ended it.
 */
export async function fuzzClient(connections: number, seed: number): Promise<Record<string, number>> {
  const things = fc.sample(
    fc.array(fc.oneof(damagedFrames, damagedMessages), { minLength: 1, maxLength: 5 }),
    {
      numRuns: connections,
      seed,
    },
  );
  const endings: Record<string, number> = {};
  const peer = await startScriptedPeer(async (peer) => {
    await openStream(peer);
    await peer.window();
    for (const thing of things[peer.connection % things.length]!) peer.socket.send(thing);
    peer.socket.close(1008); // A client that took all of it must end here.
  });
  for (let i = 0; i < connections; i++) {
    await using service = new PythonBridgeService({ baseUrl: peer.url, timeout: 2000 });
    const code = await collect(service.processAudioStream(fileOf(2), { giveUpAfter: 5000 })).then(
      () => 'answered',
      (error: unknown) => {
        if (error instanceof BridgeError) return error.code;
        throw error;
      },
    );
    endings[code] = (endings[code] ?? 0) + 1;
  }
  await peer.close();
  return endings;
}

/** Close codes that docs/protocol.md has for broken frames. */
const rightCloseCodes = new Set([1009, 4400, 4409, 4413]);

/**
 * Sends `frames` damaged window frames to the real server, on as many connections as it takes because a broken frame ends one.
 * Returns how often it closed with which code. @throws where it closes with another one or dies
 */
export async function fuzzServer(
  bridge: RealBridge,
  frames: number,
  seed: number,
): Promise<Record<string, number>> {
  const batch = fc.sample(
    fc.tuple(fc.array(damages, { minLength: 1, maxLength: 3 }), fc.integer({ min: 400, max: 900 })),
    {
      numRuns: frames,
      seed,
    },
  );
  const closes: Record<string, number> = {};
  let next = 0;
  while (next < batch.length) {
    const socket = new WebSocket(`${bridge.url.replace('http', 'ws')}/v1/stream`, 'earmark.v1', {
      headers: { authorization: `Bearer ${bridge.token}` },
    });
    let seq = 0;
    const code = await new Promise<number>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', resolve);
      socket.on('open', () => socket.send(JSON.stringify({ type: 'hello', versions: [1], client: 'fuzz' })));
      const sendNext = () => {
        if (next >= batch.length) {
          socket.close(1000);
          return;
        }
        const [steps, count] = batch[next++]!;
        const frame = Buffer.alloc(24 + 2 * count);
        frame.set([1, 1, 1, 0]);
        frame.writeUInt32LE(seq++, 8);
        frame.writeUInt32LE(count, 12);
        socket.send(damage(frame, steps));
        socket.send(JSON.stringify({ type: 'ping', id: next }));
      };
      socket.on('message', (data: Buffer, isBinary: boolean) => {
        if (isBinary) return;
        const message = JSON.parse(data.toString()) as { type: string };
        const open = {
          type: 'open',
          stream: 0,
          model: 'fixture',
          sampleRate: 16_000,
          encoding: 's16le',
          firstSeq: 0,
          credit: 4_000_000,
        };
        if (message.type === 'ready') socket.send(JSON.stringify(open));
        // A pong says that the last frame was taken: one more.
        else if (message.type === 'opened' || message.type === 'pong') sendNext();
      });
    });
    if (code !== 1000 && !rightCloseCodes.has(code))
      throw new Error(`The server closed with ${code}:\n${bridge.log()}`);
    closes[code] = (closes[code] ?? 0) + 1;
  }
  const alive = await fetch(`${bridge.url}/readyz`);
  if (alive.status !== 200) throw new Error(`The server is not ready any more:\n${bridge.log()}`);
  if (bridge.log().includes('Traceback'))
    throw new Error(`The server had an uncaught exception:\n${bridge.log()}`);
  return closes;
}
