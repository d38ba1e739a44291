import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { PythonBridgeService } from '../src/bridge/python-bridge-service.ts';
import { type RealBridge, startRealBridge, testPython } from '../tests/real-bridge.ts';
import { GatedStream } from './bridge/gated-stream.ts';
import { type LiveStreamsResult, runLiveStreams } from './bridge/live-streams.ts';
import { type PythonLoop, startPythonLoop } from './bridge/python-loop.ts';

/** A ratio of two times that were measured in turns, so that what else the machine did falls on both. */
interface Ratio {
  value: number;
  /** The middle half of the rounds. */
  quartiles: [number, number];
  rounds: number;
}

const windowCount = 64;
const samplesPerWindow = 16_000;
const threads = Math.min(4, cpus().length);
const compiledAfterWindows = 2000;
const warmAfterWindows = 512;

/**
 * `[--slow-reader-seconds=600] [--models=python-bridge/models.json]`. The bridge against what it is made of: a bare onnxruntime loop, JSON over HTTP, and
 * transformers on torch (with EARMARK_TORCH_PYTHON, or a `python3` that has both).
 */
export async function run({ args }: { args: string[] }): Promise<Record<string, unknown>> {
  const option = (name: string, otherwise: string) =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;
  const slowReaderSeconds = Number(option('slow-reader-seconds', '600'));
  const models = path.resolve(
    option('models', path.join(import.meta.dirname, '..', 'python-bridge', 'models.json')),
  );
  const { model, onnx } = await defaultModel(models);
  const folder = await mkdtemp(path.join(tmpdir(), 'earmark-bench-'));
  const windows = someSounds(windowCount);
  const file = path.join(folder, 'windows.f32');
  await writeFile(file, Buffer.concat(windows.map((window) => Buffer.from(window.buffer))));
  const loopArgs = [file, String(samplesPerWindow), String(threads)];
  try {
    await using bridge = await startRealBridge({ models });
    await using service = new PythonBridgeService({ baseUrl: bridge.url, token: bridge.token });
    const python = await testPython();
    using bare = await startPythonLoop(python, 'bare_onnxruntime.py', [onnx, ...loopArgs]);
    await using stream = new GatedStream(service, windows);
    const throughput_ratio = await compareThroughput(bare, (numbers) => stream.run(numbers), 16, 12);
    const latency_ratio = await compareLatency(
      models,
      windows,
      // In one thread, as the server runs a model of this size.
      () => startPythonLoop(python, 'bare_onnxruntime.py', [onnx, file, String(samplesPerWindow), '1']),
      12,
    );
    const json_http_ratio = await compareThroughput(
      bare,
      (numbers) => jsonOverHttp(bridge, windows, numbers),
      8,
      12,
    );
    const streams: LiveStreamsResult = await runLiveStreams(service, windows, { streams: 32, seconds: 15 });
    const vs_transformers = await compareTransformers(folder, windows, loopArgs);
    return {
      model,
      threads,
      /** Embeddings per second through Node, WebSocket and server ÷ the bare loop's. */
      throughput_ratio,
      /** Round trip ÷ the bare loop's inference in one thread, for one window at a time; p50 of each round. */
      latency_ratio,
      /** Embeddings per second by JSON over HTTP ÷ the bare loop's. */
      json_http_ratio,
      vs_transformers,
      streams,
      rss_slope: await slowReader(models, slowReaderSeconds),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The default model of a models.json and its ONNX file. */
async function defaultModel(file: string): Promise<{ model: string; onnx: string }> {
  const { default: model, models } = JSON.parse(await readFile(file, 'utf8')) as {
    default: string;
    models: Record<string, { bundle: string; useQuantization?: boolean }>;
  };
  const { bundle, useQuantization } = models[model]!;
  const onnx = useQuantization ? 'model.int8.onnx' : 'model.onnx';
  return { model, onnx: path.join(path.dirname(file), bundle, onnx) };
}

/** Tones, sweeps and noise; 16-bit values, so that what travels is what the loop computes. */
function someSounds(count: number): Float32Array[] {
  return Array.from({ length: count }, (_, number) => {
    const samples = new Float32Array(samplesPerWindow);
    let noise = number + 1;
    for (let i = 0; i < samples.length; i++) {
      noise = (Math.imul(noise, 1_103_515_245) + 12_345) >>> 0;
      const tone = Math.sin(i * (0.01 + number * 0.004) * (1 + (i / samples.length) * (number % 3)));
      samples[i] = Math.round((0.4 * tone + 0.1 * (noise / 2 ** 31 - 1)) * 32_768) / 32_768;
    }
    return samples;
  });
}

/** Windows per second of `mine` ÷ the loop's. */
async function compareThroughput(
  loop: PythonLoop,
  mine: (windows: readonly number[]) => Promise<number>,
  block: number,
  rounds: number,
): Promise<Ratio> {
  const ratios: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const numbers = Array.from({ length: block }, (_, i) => (Math.max(0, round) * block + i) % windowCount);
    const loopSeconds = async () => (await loop.run(numbers)).reduce((sum, seconds) => sum + seconds, 0);
    const [theirs, own] =
      round % 2 === 0
        ? [await loopSeconds(), await mine(numbers)]
        : await mine(numbers).then(async (seconds) => [await loopSeconds(), seconds] as const);
    if (round >= 0) ratios.push(theirs / own); // The first round warms both up.
  }
  return summarize(ratios);
}

/**
 * A window's way to the model and back ÷ its inference. Where a process happens to lie in memory makes its inference up to a tenth
 * quicker or slower for as long as it runs, so each round has a loop and a server of its own.
 */
async function compareLatency(
  models: string,
  windows: readonly Float32Array[],
  startLoop: () => Promise<PythonLoop>,
  rounds: number,
): Promise<Record<string, unknown>> {
  const overLoop: number[] = [];
  const overServed: number[] = [];
  const tripsMs: number[] = [];
  for (let round = -1; round < rounds; round++) {
    await using bridge = await startRealBridge({ models });
    await using service = new PythonBridgeService({ baseUrl: bridge.url, token: bridge.token });
    await using stream = new GatedStream(service, windows);
    using loop = await startLoop();
    // V8 interprets a stream's code until it has run some thousand times: a quarter of an hour of a microphone, and then never again.
    for (let i = 0; i < (round < 0 ? compiledAfterWindows : warmAfterWindows); i += 16) {
      await stream.run(Array.from({ length: 16 }, (_, number) => number));
    }
    if (round < 0) continue;
    const before = await servedInference(bridge);
    const inference: number[] = [];
    const trips: number[] = [];
    for (let number = 0; number < windowCount; number++) {
      inference.push((await loop.run([number]))[0]!);
      trips.push(await stream.run([number]));
    }
    const after = await servedInference(bridge);
    const served = (after.seconds - before.seconds) / (after.windows - before.windows);
    overLoop.push(percentile(trips, 0.5) / percentile(inference, 0.5));
    overServed.push(mean(trips) / served);
    tripsMs.push(percentile(trips, 0.5) * 1000);
  }
  return {
    ...summarize(overLoop),
    roundTripMs: round(percentile(tripsMs, 0.5)),
    /** By the server's own clock, of the very windows that made the round trips. */
    overOwnInference: summarize(overServed),
  };
}

/** What the server has spent in the model so far. */
async function servedInference(bridge: RealBridge): Promise<{ seconds: number; windows: number }> {
  const response = await fetch(`${bridge.url}/metrics`, {
    headers: { authorization: `Bearer ${bridge.token}` },
  });
  const text = await response.text();
  const value = (name: string) => {
    const found = new RegExp(`^earmark_inference_seconds_${name}\\{.*\\} (.*)$`, 'm').exec(text);
    if (!found) throw new Error(`/metrics answered ${response.status} without ${name}`);
    return Number(found[1]);
  };
  return { seconds: value('sum'), windows: value('count') };
}

/** The same work as the first design had it: numbers as text, one request for each window. */
async function jsonOverHttp(
  bridge: RealBridge,
  windows: readonly Float32Array[],
  numbers: readonly number[],
): Promise<number> {
  const startedAt = performance.now();
  for (const number of numbers) {
    const response = await fetch(`${bridge.url}/process/wav2vec2`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${bridge.token}` },
      body: JSON.stringify({
        audio: [...windows[number]!],
        sampleRate: 16_000,
        options: { window: 'whole' },
      }),
    });
    const answer = (await response.json()) as { windows: { features: number[] }[] };
    if (answer.windows[0]?.features.length !== 768)
      throw new Error(`JSON over HTTP answered ${response.status}`);
  }
  return (performance.now() - startedAt) / 1000;
}

async function compareTransformers(
  folder: string,
  windows: readonly Float32Array[],
  loopArgs: readonly string[],
): Promise<Record<string, unknown> | { value: null; reason: string }> {
  const python = process.env.EARMARK_TORCH_PYTHON ?? 'python3';
  if (spawnSync(python, ['-c', 'import torch, transformers, onnx, onnxruntime.quantization']).status !== 0) {
    return {
      value: null,
      reason: 'no Python with torch, transformers, onnx and onnxruntime; name one in EARMARK_TORCH_PYTHON',
    };
  }
  using torch = await startPythonLoop(python, 'transformers_wav2vec2.py', [
    path.join(folder, 'base'),
    ...loopArgs,
  ]);
  await using bridge = await startRealBridge({ models: path.join(folder, 'models.json') });
  await using service = new PythonBridgeService({
    baseUrl: bridge.url,
    token: bridge.token,
    timeout: 120_000,
  });
  await service.loadModel('int8');
  await using fp32 = new GatedStream(service, windows, 'fp32');
  await using int8 = new GatedStream(service, windows, 'int8');
  return {
    fp32: await compareThroughput(torch, (numbers) => fp32.run(numbers), 4, 8),
    int8: await compareThroughput(torch, (numbers) => int8.run(numbers), 4, 8),
  };
}

/** Memory of both sides while vectors are read one a second from a file at full speed, in processes of their own. */
async function slowReader(models: string, seconds: number): Promise<Record<string, unknown>> {
  if (process.platform !== 'linux') return { value: null, reason: 'reads /proc' };
  await using bridge = await startRealBridge({ models });
  const script = path.join(import.meta.dirname, 'bridge', 'slow-reader.ts');
  const child = spawn(
    process.execPath,
    [script, bridge.url, bridge.token, String(bridge.pid), String(seconds)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const readings: { at: number; client: number; server: number }[] = [];
  for await (const line of createInterface({ input: child.stdout })) readings.push(JSON.parse(line));
  if (child.exitCode === null) await once(child, 'close');
  // The first fifth is warming up: arenas grow to their size, and V8 lets dead array buffers stand until its first full
  // collection, which at a window a second is a minute and a half away.
  const steady = readings.filter(({ at }) => at > seconds / 5);
  return {
    seconds,
    clientBytesPerMinute: Math.round(slope(steady.map(({ at, client }) => [at, client])) * 60),
    serverBytesPerMinute: Math.round(slope(steady.map(({ at, server }) => [at, server])) * 60),
    clientMegabytes: round(Math.max(...steady.map(({ client }) => client)) / 1e6),
    serverMegabytes: round(Math.max(...steady.map(({ server }) => server)) / 1e6),
  };
}

/** Least squares, y per x. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map(([x]) => x));
  const y = mean(points.map(([, y]) => y));
  const top = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  const bottom = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  return bottom === 0 ? 0 : top / bottom;
}

function summarize(ratios: readonly number[]): Ratio {
  return {
    value: round(percentile(ratios, 0.5)),
    quartiles: [round(percentile(ratios, 0.25)), round(percentile(ratios, 0.75))],
    rounds: ratios.length,
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
