import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom, tap } from 'rxjs';
import type { AudioWindow } from '../../src/audio/pcm.ts';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { extractFeatures, framePcm, fromFile, storePatterns, successes } from '../../src/pipelines/index.ts';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { startRealBridge } from '../../tests/real-bridge.ts';

const sampleRate = 16_000;

/**
 * `[minutes]`, default 60: a file of so much audio through features into the memory, and the encoder alone on a
 * third of it, before and after. Memory of both processes is taken after a tenth and at the most.
 */
export async function run({ args }: { args: string[] }): Promise<Record<string, unknown>> {
  const minutes = Number(args[0] ?? 60);
  const folder = mkdtempSync(join(tmpdir(), 'earmark-hour-'));
  const server = await startRealBridge();
  const bridge = new PythonBridgeService({ baseUrl: server.url, token: server.token });
  const model = (await bridge.listModels())[0]!.model!;
  const memory = createFeatureStorage({ indexPath: join(folder, 'memory'), dimensions: model.dimensions });
  await memory.initialize();
  try {
    const path = join(folder, 'long.wav');
    await writeFile(path, wavOf(minutes));
    const windowsInAll = minutes * 60;
    const tenth = Math.ceil(windowsInAll / 10);
    const third = Math.ceil(windowsInAll / 3);
    await encoderAlone(bridge, tenth);
    const before = await encoderAlone(bridge, third);

    const sizes = () => ({ node: process.memoryUsage.rss(), python: residentBytes(server.pid) });
    let early = sizes();
    const most = { node: 0, python: 0 };
    let stored = 0;
    const began = performance.now();
    await lastValueFrom(
      fromFile(path).pipe(
        framePcm({ windowMs: 1000 }),
        extractFeatures(bridge, { errors: 'throw' }),
        successes(),
        storePatterns(memory),
        tap(() => {
          if (++stored === tenth) early = sizes();
          if (stored % 50 !== 0) return;
          const now = sizes();
          most.node = Math.max(most.node, now.node);
          most.python = Math.max(most.python, now.python);
        }),
      ),
    );
    const seconds = (performance.now() - began) / 1000;
    const after = await encoderAlone(bridge, third);
    const alone = (before + after) / 2;
    return {
      model: model.name,
      windows: stored,
      expected: windowsInAll,
      stored: await memory.countPatterns(),
      x_realtime: Math.round(windowsInAll / seconds),
      encoder_alone_x_realtime: [Math.round(before), Math.round(after)],
      share_of_encoder_alone: Math.round((100 * windowsInAll) / seconds / alone) / 100,
      node_growth_mb: Math.round((most.node - early.node) / 1e6),
      python_growth_mb: Math.round((most.python - early.python) / 1e6),
    };
  } finally {
    await memory.close();
    await bridge.close();
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds of audio per second through the bridge, with nothing before or after it. */
async function encoderAlone(bridge: PythonBridgeService, count: number): Promise<number> {
  const samples = tonesInNoise(1);
  async function* windows(): AsyncGenerator<AudioWindow, void, undefined> {
    for (let seq = 0; seq < count; seq++) {
      yield { seq, firstSample: sampleRate * seq, sampleRate, samples, gap: false };
    }
  }
  const began = performance.now();
  for await (const outcome of bridge.processAudioStream(windows())) if (!outcome.ok) throw outcome.error;
  return count / ((performance.now() - began) / 1000);
}

/** A WAV file in parts of a minute: an hour at once would be the most memory that this process ever has. */
function* wavOf(minutes: number): Generator<Uint8Array, void, undefined> {
  const minute = encodeWav(tonesInNoise(60), sampleRate);
  const header = Buffer.from(minute.subarray(0, minute.length - 2 * 60 * sampleRate));
  header.writeUInt32LE(header.length - 8 + minutes * 2 * 60 * sampleRate, 4);
  header.writeUInt32LE(minutes * 2 * 60 * sampleRate, header.length - 4);
  yield header;
  for (let i = 0; i < minutes; i++) yield minute.subarray(header.length);
}

function tonesInNoise(seconds: number): Float32Array {
  const samples = new Float32Array(seconds * sampleRate);
  for (let i = 0; i < samples.length; i++) {
    samples[i] = 0.2 * Math.sin(i * (0.1 + 0.05 * Math.sin(i / 40_000))) + 0.05 * (Math.random() - 0.5);
  }
  return samples;
}

function residentBytes(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}
