import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom, tap } from 'rxjs';
import type { AudioWindow } from '../../src/audio/pcm.ts';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { extractFeatures, framePcm, fromFile, storePatterns, successes } from '../../src/pipelines/index.ts';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { startRealBridge } from '../../tests/real-bridge.ts';

/**
 * `[minutes]`, default 60: a file of so much audio through features into the memory, and the encoder alone on a
 * tenth of it. Memory of both processes is taken after a tenth and at the most.
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
    writeFileSync(path, encodeWav(tonesInNoise(minutes * 60), 16_000));
    const windowsInAll = minutes * 60;
    const alone = await encoderAlone(bridge, Math.ceil(windowsInAll / 10));

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
          if (++stored === Math.ceil(windowsInAll / 10)) early = sizes();
          if (stored % 50 !== 0) return;
          const now = sizes();
          most.node = Math.max(most.node, now.node);
          most.python = Math.max(most.python, now.python);
        }),
      ),
    );
    const seconds = (performance.now() - began) / 1000;
    return {
      model: model.name,
      windows: stored,
      expected: windowsInAll,
      stored: await memory.countPatterns(),
      x_realtime: Math.round(windowsInAll / seconds),
      encoder_alone_x_realtime: Math.round(alone),
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
      yield { seq, firstSample: 16_000 * seq, sampleRate: 16_000, samples, gap: false };
    }
  }
  const began = performance.now();
  for await (const outcome of bridge.processAudioStream(windows())) if (!outcome.ok) throw outcome.error;
  return count / ((performance.now() - began) / 1000);
}

function tonesInNoise(seconds: number): Float32Array {
  const samples = new Float32Array(seconds * 16_000);
  for (let i = 0; i < samples.length; i++) {
    samples[i] = 0.2 * Math.sin(i * (0.1 + 0.05 * Math.sin(i / 40_000))) + 0.05 * (Math.random() - 0.5);
  }
  return samples;
}

function residentBytes(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}
