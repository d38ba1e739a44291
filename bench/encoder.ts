// npm run -s bench -- encoder [--json] [--seconds 60] [--rounds 20]
// How fast the shipped encoder is on this machine: through the whole server (x_realtime, latency_ms, rss_mb), and
// beside a base-size Wav2Vec2 in the same process in the same minute (vs_base). The latter is exported here and
// needs a Python with torch, transformers and onnx, named by EARMARK_TORCH_PYTHON; without it vs_base is null.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { AudioWindow } from '../src/audio/index.ts';
import { BridgeProcess, type EncoderModel, PythonBridgeService } from '../src/bridge/index.ts';
import { bridgePython, serverScript } from '../src/cli/bridge-python.ts';

const execute = promisify(execFile);
const scripts = path.join(import.meta.dirname, 'encoder');
const cores = os.availableParallelism();

export async function run({ args }: { json: boolean; args: string[] }): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args,
    options: { seconds: { type: 'string', default: '60' }, rounds: { type: 'string', default: '20' } },
  });
  const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
  const python = await bridgePython({
    signal: AbortSignal.timeout(1_800_000),
    onProgress: (line) => console.error(line),
  });
  const served = await measureServer(python, seconds);
  const compared = await compareWithBase(python, rounds);
  return { ...served, ...compared, cores };
}

async function measureServer(python: string, seconds: number): Promise<Record<string, unknown>> {
  await using server = new BridgeProcess({ python, script: serverScript });
  await server.start();
  await using service = new PythonBridgeService({ baseUrl: () => server.url, token: server.token });
  const [status] = await service.listModels();
  const { model } = await service.loadModel(status!.name);
  if (model === undefined) throw new Error('The server does not describe its model.');

  await embed(service, model, { seconds: 10, hopSeconds: 1 });
  const fast = await embed(service, model, { seconds, hopSeconds: model.window.seconds });
  const overlapping = await embed(service, model, { seconds, hopSeconds: model.window.hopSeconds });
  const latencies: number[] = [];
  for (let i = 0; i < 100; i += 1) {
    const started = performance.now();
    await service.processAudio(noise(model.sampleRate, i), {
      sampleRate: model.sampleRate,
      model: model.name,
    });
    latencies.push(performance.now() - started);
  }
  latencies.sort((a, b) => a - b);
  const { state } = server;
  return {
    model: `${model.name} ${model.revision}`,
    x_realtime: seconds / fast,
    x_realtime_own_hop: seconds / overlapping,
    latency_ms: latencies[50],
    latency_p99_ms: latencies[98],
    ...(state.value === 'ready' ? await memoryOf(state.pid) : {}),
  };
}

/** Seconds that the server takes for the windows of so much audio, as a stream. */
async function embed(
  service: PythonBridgeService,
  { name, sampleRate, window }: EncoderModel,
  { seconds, hopSeconds }: { seconds: number; hopSeconds: number },
): Promise<number> {
  const samples = noise(window.seconds * sampleRate, 1);
  async function* windows(): AsyncGenerator<AudioWindow> {
    for (let seq = 0; seq * hopSeconds + window.seconds <= seconds; seq += 1) {
      yield { seq, firstSample: Math.round(seq * hopSeconds * sampleRate), sampleRate, samples, gap: false };
    }
  }
  const started = performance.now();
  for await (const outcome of service.processAudioStream(windows(), { model: name })) {
    if (!outcome.ok) throw outcome.error;
  }
  return (performance.now() - started) / 1000;
}

/** Of the whole server after the work, and its highest; only where /proc tells. */
async function memoryOf(pid: number): Promise<Record<string, number | null>> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const megabytes = (field: string) => {
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) / 1024;
  };
  return { rss_mb: megabytes('VmRSS'), rss_peak_mb: megabytes('VmHWM') };
}

async function compareWithBase(python: string, rounds: number): Promise<Record<string, unknown>> {
  const torchPython = process.env.EARMARK_TORCH_PYTHON;
  if (!torchPython) {
    return {
      vs_base: null,
      vs_base_reason: 'EARMARK_TORCH_PYTHON names no Python with torch, transformers and onnx',
    };
  }
  const folder = await mkdtemp(path.join(os.tmpdir(), 'earmark-base-'));
  try {
    const base = path.join(folder, 'base.onnx');
    await execute(torchPython, [path.join(scripts, 'export_base.py'), base], { timeout: 600_000 });
    const bundle = path.join(path.dirname(serverScript), 'encoders', 'earmark-small', 'model.onnx');
    const timing = [path.join(scripts, 'time_models.py'), String(cores), String(rounds), bundle, base];
    const { stdout } = await execute(python, timing, { timeout: 600_000 });
    const [own, theirs] = JSON.parse(stdout) as [number, number];
    return { vs_base: theirs / own, window_ms: own, base_window_ms: theirs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Noise whose level moves; the same for the same seed. */
function noise(length: number, seed: number): Float32Array {
  let state = seed + 1;
  return Float32Array.from({ length }, (_, index) => {
    state = (state * 48_271) % 2_147_483_647;
    return (state / 2_147_483_647 - 0.5) * (0.2 + 0.1 * Math.sin(index / 3000));
  });
}
