import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom, map, type Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { networkSource } from '../../src/audio/network-source.ts';
import { PushSource } from '../../src/audio/push-source.ts';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import * as pipelines from '../../src/pipelines/index.ts';
import { liveChildren } from '../audio/live-children.ts';
import { noFfmpeg } from '../audio/needs-ffmpeg.ts';
import { noise } from '../audio/signals.ts';
import { noVirtualMicrophone, VirtualMicrophone } from '../virtual-microphone.ts';
import { DoubleBridge, DoubleMemory } from './doubles.ts';

const {
  extractFeatures,
  findSimilar,
  framePcm,
  queryPatterns,
  recognise,
  segmentSounds,
  storePatterns,
  successes,
} = pipelines;

/** Timers, sockets, pipes and files that keep this process busy. */
const busy = () =>
  process
    .getActiveResourcesInfo()
    .filter((name) => name !== 'Immediate' && name !== 'Timeout')
    .toSorted();
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('unsubscribing', () => {
  let folder: string;
  let bridge: DoubleBridge;
  let memory: DoubleMemory;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'earmark-stopping-'));
    writeFileSync(join(folder, 'long.wav'), encodeWav(noise(60, 0.3), 16_000));
    bridge = new DoubleBridge();
    memory = new DoubleMemory();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Subscribes, unsubscribes at the first value and before it, many times, and looks for what is left. */
  async function leavesNothing(observable: Observable<unknown>, times = 5): Promise<void> {
    const before = busy();
    const timersBefore = timers();
    for (let i = 0; i < times; i++) {
      await firstValueFrom(observable);
      const subscription = observable.subscribe();
      if (i % 2 === 1) await new Promise(setImmediate);
      subscription.unsubscribe();
    }
    await expect.poll(busy).toEqual(before);
    await expect.poll(timers).toBeLessThanOrEqual(timersBefore + 1); // The poll's own.
    expect(bridge.sessions).toBe(0);
    expect(memory.watchers).toBe(0);
    for (const program of ['ffmpeg', 'arecord', 'parec']) expect(liveChildren()).not.toContain(program);
  }

  const file = () => pipelines.fromFile(join(folder, 'long.wav'));
  const sounds = () => file().pipe(framePcm({ windowMs: 500 }), extractFeatures(bridge), successes());

  it('a file at any step leaves nothing open', async () => {
    await leavesNothing(file());
    await leavesNothing(file().pipe(framePcm({ windowMs: 500 })));
    await leavesNothing(file().pipe(segmentSounds({ maxLengthMs: 500 })));
    await leavesNothing(sounds());
    await leavesNothing(sounds().pipe(findSimilar(memory)));
    await leavesNothing(sounds().pipe(storePatterns(memory)));
    await leavesNothing(sounds().pipe(recognise(memory)));
    await leavesNothing(
      sounds().pipe(
        queryPatterns(memory, ({ sourceId }: { sourceId?: string }) => (sourceId ? { sourceId } : {})),
      ),
    );
    await leavesNothing(sounds().pipe(map(({ seq }) => seq)));
  });

  it('a folder leaves nothing open', async () => {
    await leavesNothing(pipelines.fromFolder(folder));
  });

  it('a socket leaves nothing open', async () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      const before = busy();
      const listening = Promise.withResolvers<number>();
      const source = networkSource({ protocol, port: 0, onListening: listening.resolve });
      const subscription = pipelines.fromSource(source).subscribe();
      await listening.promise;
      subscription.unsubscribe();
      await expect.poll(busy).toEqual(before);
    }
  });

  it('a push source takes nothing more', async () => {
    const source = new PushSource({ sourceId: 'browser', overflow: 'error', bufferMs: 100 });
    const subscription = pipelines.fromSource(source).subscribe();
    subscription.unsubscribe();
    await new Promise(setImmediate);
    // Nobody reads any more; a queue that still took samples would overflow and say so.
    for (let i = 0; i < 10; i++) source.push(noise(1, 0.1), 16_000);
    expect(bridge.sessions).toBe(0);
  });

  it.skipIf(noFfmpeg)('ffmpeg is ended, for files and for addresses (needs ffmpeg)', async () => {
    const flac = join(folder, 'long.flac');
    execFileSync('ffmpeg', ['-v', 'error', '-i', join(folder, 'long.wav'), flac]);
    await leavesNothing(pipelines.fromFile(flac), 3);
    const wav = encodeWav(noise(60, 0.3), 16_000);
    const web = createServer((_, response) => response.end(wav)).listen(0, '127.0.0.1');
    await new Promise((resolve) => web.once('listening', resolve));
    const { port } = web.address() as { port: number };
    await firstValueFrom(
      pipelines.fromUrl(`http://127.0.0.1:${port}/`, { live: true }).pipe(framePcm({ windowMs: 500 })),
    );
    await expect.poll(liveChildren).not.toContain('ffmpeg');
    web.closeAllConnections();
    web.close();
  });

  it.skipIf(noVirtualMicrophone)('the recorder is ended (needs pulseaudio)', async () => {
    const microphone = await VirtualMicrophone.start();
    try {
      for (const recorder of ['arecord', 'parec'] as const) {
        await firstValueFrom(pipelines.fromMicrophone({ recorder, device: 'vmic' }));
        // The virtual microphone listens by parec itself.
        await expect
          .poll(() => liveChildren().filter((name) => name === recorder).length)
          .toBe(recorder === 'parec' ? 1 : 0);
      }
    } finally {
      await microphone.stop();
    }
  });
});
