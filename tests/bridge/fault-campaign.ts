import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { AudioWindow } from '../../src/audio/pcm.ts';
import type { WindowOutcome } from '../../src/bridge/embedded-window.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { startRealBridge } from '../real-bridge.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { hopSamples, windowOf } from './window-source.ts';

export const faultKinds = [
  'reset',
  'slice',
  'delay',
  'throttle',
  'blackHole',
  'halfOpen',
  'refuse',
  'suspend',
  'kill',
  'restart',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface CampaignResult {
  faults: Record<FaultKind, number>;
  /** Windows answered, by file and by live streams. */
  fileWindows: number;
  liveWindows: number;
  /** What must not be: windows of files. */
  lost: number;
  doubled: number;
  outOfOrder: number;
  wrongVector: number;
  /** Windows of live streams that are missing without a gap mark, and marks without a missing window. */
  unreportedLosses: number;
  falseGaps: number;
  /** Windows that live streams dropped, each reported. */
  liveDropped: number;
  /** Streams that threw or did not end. */
  failedStreams: string[];
  reconnects: number;
  resentWindows: number;
  /** Milliseconds from a fault's end to the next answer of every file stream. */
  recoveryMs: number[];
  /** What this process holds after a garbage collection, more at the end than after a quarter of the faults. */
  retainedGrowthBytes: number;
}

const differentWindows = 48;
const fileStreams = 3;
const recoveryLimitMs = 60_000;

/**
 * Streams through a proxy to the real server while `faults` faults are injected one after the other, and checks every outcome.
 * The same seed gives the same faults.
 */
export async function runFaultCampaign(options: {
  faults: readonly FaultKind[];
  seed: number;
  onFault?: (index: number, kind: FaultKind, recoveryMs: number) => void;
}): Promise<CampaignResult> {
  const random = randomNumbers(options.seed);
  const between = (low: number, high: number) => low + random() * (high - low);
  await using bridge = await startRealBridge({
    model: 'fixture',
    arguments: ['--heartbeat', '0.4', '--drain', '2'],
  });
  const proxy = await startFaultProxy(bridge.port);
  const service = new PythonBridgeService({ baseUrl: proxy.url, token: bridge.token, timeout: 5000 });
  const result: CampaignResult = {
    faults: Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>,
    fileWindows: 0,
    liveWindows: 0,
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    wrongVector: 0,
    unreportedLosses: 0,
    falseGaps: 0,
    liveDropped: 0,
    failedStreams: [],
    reconnects: 0,
    resentWindows: 0,
    recoveryMs: [],
    retainedGrowthBytes: 0,
  };
  try {
    const expected = await vectorsOfAll(service);
    let stopped = false;
    const answered = new Array<number>(fileStreams).fill(0);

    const source = async function* (everyMs: number, sent: { count: number }): AsyncGenerator<AudioWindow> {
      for (; !stopped; sent.count++) {
        const { samples, sampleRate } = windowOf(sent.count % differentWindows);
        yield { seq: sent.count, firstSample: sent.count * hopSamples, samples, sampleRate, gap: false };
        await pause(everyMs);
      }
    };
    const isItsVector = (outcome: WindowOutcome & { ok: true }) => {
      const { seq, features } = outcome.value;
      const vector = expected[seq % differentWindows]!;
      return features.every((value, i) => Math.abs(value - vector[i]!) < 1e-5);
    };

    const readFile = async (index: number) => {
      const sent = { count: 0 };
      let next = 0;
      for await (const outcome of service.processAudioStream(source(8, sent), { giveUpAfter: 120_000 })) {
        const { seq } = outcome.ok ? outcome.value : outcome.window;
        if (seq < next) result.doubled++;
        else if (seq > next) result.outOfOrder++;
        if (!outcome.ok) result.failedStreams.push(`file ${index}, window ${seq}: ${outcome.error.message}`);
        else if (!isItsVector(outcome)) result.wrongVector++;
        next = seq + 1;
        result.fileWindows++;
        answered[index]!++;
      }
      result.lost += sent.count - next;
    };
    const readLive = async () => {
      const sent = { count: 0 };
      let next = 0;
      const options = { overflow: 'dropOldest', maxUnanswered: 24, giveUpAfter: 120_000 } as const;
      for await (const outcome of service.processAudioStream(source(20, sent), options)) {
        const { seq, gap } = outcome.ok ? outcome.value : outcome.window;
        if (seq < next) result.doubled++;
        if (seq > next && !gap) result.unreportedLosses += seq - next;
        if (seq === next && gap) result.falseGaps++;
        if (outcome.ok && !isItsVector(outcome)) result.wrongVector++;
        result.liveDropped += Math.max(0, seq - next);
        next = seq + 1;
        result.liveWindows++;
      }
    };
    const streams = [...Array.from({ length: fileStreams }, (_, i) => readFile(i)), readLive()];
    const settled = streams.map((stream) =>
      stream.catch((error: Error) => {
        result.failedStreams.push(error.message);
      }),
    );

    const inject: Record<FaultKind, () => Promise<void>> = {
      reset: async () => proxy.reset(),
      slice: async () => {
        proxy.set({ kind: 'slice', bytes: Math.ceil(between(1, 700)) });
        await pause(between(100, 400));
      },
      delay: async () => {
        proxy.set({ kind: 'delay', ms: between(20, 150) });
        await pause(between(200, 800));
      },
      throttle: async () => {
        proxy.set({ kind: 'throttle', bytesPerSecond: between(4000, 40_000) });
        await pause(between(300, 1500));
      },
      blackHole: async () => {
        proxy.set({ kind: 'blackHole' });
        await pause(between(50, 1500));
      },
      halfOpen: async () => {
        proxy.set({ kind: 'halfOpen' });
        await pause(between(50, 1500));
      },
      refuse: async () => {
        proxy.set({ kind: 'refuse' });
        proxy.reset();
        await pause(between(50, 1200));
      },
      suspend: async () => {
        bridge.suspend();
        await pause(between(100, 1800));
        bridge.resume();
      },
      kill: async () => {
        await bridge.kill();
        await pause(between(0, 300));
        await bridge.restart();
      },
      restart: async () => {
        await bridge.stop();
        await bridge.restart();
      },
    };

    await progressOfAll(answered, performance.now());
    for (const [index, kind] of options.faults.entries()) {
      if (index === options.faults.length >> 2) result.retainedGrowthBytes = -retainedBytes();
      await inject[kind]();
      proxy.set({ kind: 'pass' });
      const endedAt = performance.now();
      await progressOfAll(answered, endedAt);
      const recoveryMs = performance.now() - endedAt;
      result.faults[kind]++;
      result.recoveryMs.push(recoveryMs);
      options.onFault?.(index, kind, recoveryMs);
      await pause(between(20, 120));
    }
    stopped = true;
    let ended = false;
    void Promise.all(settled).then(() => {
      ended = true;
    });
    const stoppedAt = performance.now();
    while (!ended && performance.now() - stoppedAt < recoveryLimitMs) await pause(5);
    if (!ended) result.failedStreams.push('a stream did not end after its source had');
    result.retainedGrowthBytes += retainedBytes();
    const { reconnects, resentWindows } = service.metrics();
    return { ...result, reconnects, resentWindows };
  } finally {
    await service.close();
    await proxy.close();
  }
}

v8.setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function retainedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Resolves when every file stream has had an answer to a window since now. */
async function progressOfAll(answered: readonly number[], since: number): Promise<void> {
  const before = [...answered];
  while (!answered.every((count, i) => count > before[i]!)) {
    if (performance.now() - since > recoveryLimitMs)
      throw new Error('A stream has not recovered within 60 s.');
    await pause(5);
  }
}

async function vectorsOfAll(service: PythonBridgeService): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let seq = 0; seq < differentWindows; seq++) {
    const samples = Int16Array.from(windowOf(seq).samples, (sample) => Math.round(sample * 32_768));
    const [embedded] = await service.processAudio(samples, { sampleRate: 16_000, window: 'whole' });
    vectors.push(embedded!.features);
  }
  return vectors;
}

/** Numbers of 0 to 1, the same ones for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
