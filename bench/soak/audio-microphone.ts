import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastValueFrom, type Observable, Subject, share, takeUntil, tap } from 'rxjs';
import type { SourceEvent } from '../../src/audio/audio-source.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import {
  extractFeatures,
  findSimilar,
  framePcm,
  fromMicrophone,
  segmentSounds,
  soundPattern,
  successes,
} from '../../src/pipelines/index.ts';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { startRealBridge } from '../../tests/real-bridge.ts';
import { VirtualMicrophone } from '../../tests/virtual-microphone.ts';

const rate = 48_000;
const seconds = 0.4;
const tone = Float32Array.from(
  { length: seconds * rate },
  (_, i) => 0.4 * Math.sin((2 * Math.PI * 700 * i) / rate),
);

/**
 * `[minutes]`, default 10: a microphone listened to for so long, in fixed windows and in segments at once, by the
 * real server and the real memory. Counts lost windows, times known sounds from their end to their matches, and
 * unplugs the microphone halfway.
 */
export async function run({ args }: { args: string[] }): Promise<Record<string, unknown>> {
  const minutes = Number(args[0] ?? 10);
  const folder = mkdtempSync(join(tmpdir(), 'earmark-live-'));
  const server = await startRealBridge();
  const bridge = new PythonBridgeService({ baseUrl: server.url, token: server.token });
  const model = (await bridge.listModels())[0]!.model!;
  const memory = createFeatureStorage({ indexPath: join(folder, 'memory'), dimensions: model.dimensions });
  await memory.initialize();
  const microphone = await VirtualMicrophone.start();
  try {
    const stop = new Subject<void>();
    const events: SourceEvent[] = [];
    const until = <T>(observable: Observable<T>) => observable.pipe(takeUntil(stop));
    const audio = fromMicrophone({ device: microphone.device, onEvent: (event) => events.push(event) }).pipe(
      share(),
    );

    let windows = 0;
    let gaps = 0;
    let holes = 0;
    let failed = 0;
    let expected = 0;
    const counting = audio.pipe(
      framePcm({ windowMs: 1000, hopMs: 500 }),
      extractFeatures(bridge),
      successes(() => failed++),
      tap(({ firstSample, gap }) => {
        windows++;
        if (gap) gaps++;
        else if (windows > 1 && firstSample !== expected) holes++;
        expected = firstSample + 8000;
      }),
    );
    const matched: { at: number; similarity: number }[] = [];
    const matching = audio.pipe(
      segmentSounds(),
      extractFeatures(bridge),
      successes(() => failed++),
      findSimilar(memory, { maxResults: 1 }),
      tap(({ sound, matches }) => {
        const [best] = matches;
        if (best === undefined) void memory.storePattern(soundPattern(sound), { sourceId: 'first hearing' });
        else matched.push({ at: performance.now(), similarity: best.similarity });
      }),
    );
    const done = [counting, matching].map((each) =>
      lastValueFrom(until(each as Observable<unknown>), { defaultValue: 0 }),
    );

    await sleep(2000);
    const rssBefore = process.memoryUsage.rss();
    const delays: number[] = [];
    const end = performance.now() + minutes * 60_000;
    let unplugged = false;
    while (performance.now() < end) {
      const before = matched.length;
      const started = performance.now();
      await microphone.play(tone, rate);
      await sleep(2000);
      const found = matched[before];
      if (found !== undefined) delays.push(found.at - started - 1000 * seconds);
      if (!unplugged && performance.now() > end - minutes * 30_000) {
        unplugged = true;
        await microphone.unplug();
        await sleep(1500);
        await microphone.replug();
        await sleep(3000);
      }
      await sleep(3000);
    }
    const encoder = await encoderTime(bridge, model.sampleRate);
    stop.next();
    await Promise.all(done);
    delays.sort((a, b) => a - b);
    return {
      minutes,
      model: model.name,
      windows,
      /** One where it was unplugged. */
      gaps,
      holes,
      failed,
      events: events.map(({ type }) => type).join(' '),
      dropped_ms: events.reduce((sum, event) => sum + (event.type === 'dropped' ? event.milliseconds : 0), 0),
      sounds_matched: delays.length,
      end_to_match_p50_ms: Math.round(delays[Math.floor(delays.length / 2)] ?? Number.NaN),
      end_to_match_p95_ms: Math.round(delays[Math.floor(delays.length * 0.95)] ?? Number.NaN),
      encoder_ms: Math.round(encoder),
      rss_growth_mb: Math.round((process.memoryUsage.rss() - rssBefore) / 1e6),
    };
  } finally {
    await microphone.stop();
    await memory.close();
    await bridge.close();
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds that the encoder alone takes for a sound of the same length, the middle of nine. */
async function encoderTime(bridge: PythonBridgeService, sampleRate: number): Promise<number> {
  const samples = new Float32Array(Math.round((seconds + 0.12) * sampleRate)).fill(0.1);
  const times: number[] = [];
  for (let i = 0; i < 9; i++) {
    const began = performance.now();
    await bridge.processAudio(samples, { sampleRate, window: 'whole' });
    times.push(performance.now() - began);
  }
  return times.toSorted((a, b) => a - b)[4]!;
}
