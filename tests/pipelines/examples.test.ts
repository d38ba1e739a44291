import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { createFeatureStorage, type FeatureStorage } from '../../src/storage/index.ts';
import { noFfmpeg } from '../audio/needs-ffmpeg.ts';
import { joined, noise, sine } from '../audio/signals.ts';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { noVirtualMicrophone, VirtualMicrophone } from '../virtual-microphone.ts';
import { documentedExamples, runExample } from './documented-examples.ts';

const skipped: Record<string, boolean> = {
  'from-microphone.ts': noVirtualMicrophone !== undefined,
  'from-url.ts': noFfmpeg,
};

const modules: Record<string, () => Promise<Record<string, unknown>>> = {
  rxjs: () => import('rxjs'),
  '@earmark/node-red-sound-memory/audio': () => import('../../src/audio/index.ts'),
  '@earmark/node-red-sound-memory/pipelines': () => import('../../src/pipelines/index.ts'),
};

describe('the examples in the documentation of the pipelines, with the real server and memory', () => {
  const examples = documentedExamples(new URL('../../src/pipelines/', import.meta.url));
  let folder: string;
  let server: RealBridge;
  let bridge: PythonBridgeService;
  let memory: FeatureStorage;
  let web: Server;
  let variables: Record<string, unknown>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'earmark-examples-'));
    const sounds = join(folder, 'sounds');
    mkdirSync(sounds);
    // Three seconds: noise, a tone, noise.
    const wav = encodeWav(joined([noise(1, 0.01), sine(1000, 1), noise(1, 0.01, 2)]), 16_000);
    const path = join(sounds, 'three.wav');
    writeFileSync(path, wav);
    writeFileSync(join(sounds, 'other.wav'), wav);
    server = await startRealBridge({ model: 'fixture' });
    bridge = new PythonBridgeService({ baseUrl: server.url, token: server.token });
    memory = createFeatureStorage({ indexPath: join(folder, 'memory'), dimensions: 8 });
    await memory.initialize();
    web = createServer((_, response) => response.end(wav)).listen(0, '127.0.0.1');
    await once(web, 'listening');
    const url = `http://127.0.0.1:${(web.address() as { port: number }).port}/three.wav`;
    variables = { path, folder: sounds, wav, url, bridge, memory, device: 'vmic' };
  });
  afterAll(async () => {
    web?.close();
    await memory?.close();
    await bridge?.close();
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has one for each operator', () => {
    expect(examples.map(({ file }) => file).toSorted()).toEqual([
      'extract-features.ts',
      'find-similar.ts',
      'frame-pcm.ts',
      'from-file.ts',
      'from-folder.ts',
      'from-microphone.ts',
      'from-source.ts',
      'from-url.ts',
      'query-patterns.ts',
      'recognise.ts',
      'segment-sounds.ts',
      'store-patterns.ts',
      'successes.ts',
    ]);
  });

  it.for(examples)('$file', async ({ file, code, promised }, { skip }) => {
    skip(skipped[file] === true, 'needs a program that is not installed');
    const microphone = file === 'from-microphone.ts' ? await VirtualMicrophone.start() : undefined;
    const playing = microphone?.play(
      joined([noise(0.8, 0.001), sine(1000, 0.4, 16_000, 0.3), noise(1, 0.001)]),
      16_000,
    );
    try {
      const logged = await runExample(code, variables, (name) => modules[name]!());
      for (const [i, promise] of promised.entries())
        if (promise !== undefined) expect(logged[i]).toBe(promise);
    } finally {
      await playing;
      await microphone?.stop();
    }
  });
});
