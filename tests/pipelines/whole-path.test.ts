import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom, takeWhile, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import {
  extractFeatures,
  framePcm,
  fromFile,
  fromMicrophone,
  recognise,
  segmentSounds,
  storePatterns,
  successes,
} from '../../src/pipelines/index.ts';
import { createFeatureStorage, type FeatureStorage } from '../../src/storage/index.ts';
import { joined, noise, sine } from '../audio/signals.ts';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { noVirtualMicrophone, VirtualMicrophone } from '../virtual-microphone.ts';

describe('from sound to memory, with the real server and the real memory', () => {
  let folder: string;
  let server: RealBridge;
  let bridge: PythonBridgeService;
  let memory: FeatureStorage;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'earmark-path-'));
    server = await startRealBridge({ model: 'fixture' });
    bridge = new PythonBridgeService({ baseUrl: server.url, token: server.token });
    memory = createFeatureStorage({ indexPath: join(folder, 'memory'), dimensions: 8 });
    await memory.initialize();
  });
  afterAll(async () => {
    await memory?.close();
    await bridge?.close();
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('stores every window of a minute, in order, though the server is killed meanwhile', async () => {
    const path = join(folder, 'minute.wav');
    writeFileSync(path, encodeWav(noise(60, 0.3), 16_000));
    let stored = 0;
    let restarted: Promise<void> | undefined;
    const all = fromFile(path).pipe(
      framePcm({ windowMs: 500, hopMs: 250 }),
      extractFeatures(bridge),
      successes(({ error }) => expect.unreachable(error.message)),
      storePatterns(memory, { maxBatch: 8 }),
      toArray(),
    );
    const counted = fromFile(path).pipe(framePcm({ windowMs: 500, hopMs: 250 }), toArray());
    const watching = memory.watch().subscribe(() => {
      if (++stored === 40) restarted = server.kill().then(() => server.restart());
    });
    const patterns = await lastValueFrom(all);
    watching.unsubscribe();
    await restarted;
    const windows = await lastValueFrom(counted);
    expect(restarted).toBeDefined();
    expect(patterns.map(({ sound }) => [sound.seq, sound.firstSample])).toEqual(
      windows.map(({ seq, firstSample }) => [seq, firstSample]),
    );
    expect(await memory.countPatterns({ sourceId: path })).toBe(windows.length);
  });

  it('recognises the second hearing of a sound in a file', async () => {
    const quiet = noise(1, 0.0005);
    const first = join(folder, 'first.wav');
    const second = join(folder, 'second.wav');
    writeFileSync(first, encodeWav(joined([quiet, sine(700, 0.6), quiet]), 16_000));
    writeFileSync(second, encodeWav(joined([quiet, quiet, sine(700, 0.6, 16_000, 0.4), quiet]), 16_000));
    const heard = (path: string) =>
      fromFile(path).pipe(segmentSounds(), extractFeatures(bridge), successes());
    await lastValueFrom(heard(first).pipe(storePatterns(memory, { metadata: { label: 'tone' } })));
    const recognised = await lastValueFrom(heard(second).pipe(recognise(memory), toArray()));
    expect(recognised).toMatchObject([
      { label: 'tone', announce: true, sound: { startTime: expect.closeTo(2, 1) } },
    ]);
  });

  it.skipIf(noVirtualMicrophone)('loses no window of a live microphone (needs pulseaudio)', async () => {
    const microphone = await VirtualMicrophone.start();
    try {
      const playing = microphone.play(noise(5, 0.3, 1, 48_000), 48_000);
      const sounds = await lastValueFrom(
        fromMicrophone({ device: 'vmic' }).pipe(
          framePcm({ windowMs: 500, hopMs: 250 }),
          extractFeatures(bridge),
          successes(({ error }) => expect.unreachable(error.message)),
          takeWhile(({ seq }) => seq < 16),
          toArray(),
        ),
      );
      await playing;
      expect(sounds.map(({ seq, firstSample, gap }) => [seq, firstSample, gap])).toEqual(
        Array.from({ length: 16 }, (_, i) => [i, 4000 * i, false]),
      );
    } finally {
      await microphone.stop();
    }
  });
});
