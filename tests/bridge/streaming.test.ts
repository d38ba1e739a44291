import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AudioWindow } from '../../src/audio/pcm.ts';
import type { WindowOutcome } from '../../src/bridge/embedded-window.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { collect, faultsOf, fileOf, hopSamples, noFaults, patiently, windowOf } from './window-source.ts';

let bridge: RealBridge;
let service: PythonBridgeService;

beforeAll(async () => {
  bridge = await startRealBridge({ model: 'fixture', arguments: ['--heartbeat', '0.3', '--hang', '2'] });
  service = new PythonBridgeService({ baseUrl: bridge.url, token: bridge.token });
});

afterAll(async () => {
  await service.close();
  await bridge[Symbol.asyncDispose]();
});

/** What the server answers to each window when it is asked for it alone. */
async function expectedFeatures(count: number): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let seq = 0; seq < count; seq++) {
    const samples = Int16Array.from(windowOf(seq).samples, (sample) => Math.round(sample * 32_768));
    const [embedded] = await service.processAudio(samples, { sampleRate: 16_000, window: 'whole' });
    vectors.push(embedded!.features);
  }
  return vectors;
}

async function* listOf(...windows: AudioWindow[]): AsyncGenerator<AudioWindow> {
  yield* windows;
}

/** A microphone: a window every `everyMs`, whether anybody is ready for it or not. */
async function* microphone(count: number, everyMs: number, loudest?: number): AsyncGenerator<AudioWindow> {
  const startedAt = performance.now();
  for (let seq = 0; seq < count; seq++) {
    const wait = startedAt + seq * everyMs - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    yield windowOf(seq, loudest === undefined ? {} : { loudest });
  }
}

/** Streams and connections that the server holds. */
/** The server's own readings, by their names in `/metrics` without `earmark_`. */
async function serverReadings(): Promise<(name: string) => number> {
  const response = await fetch(`${bridge.url}/metrics`, {
    headers: { authorization: `Bearer ${bridge.token}` },
  });
  const text = await response.text();
  return (name) => Number(new RegExp(`^earmark_${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

async function serverHolds(): Promise<{ streams: number; connections: number }> {
  const reading = await serverReadings();
  return { streams: reading('streams'), connections: reading('connections') };
}

async function connectionsSoFar(): Promise<number> {
  return (await serverReadings())('connections_total');
}

describe('a stream', () => {
  test('answers every window of a file once, in order, with its own vector', async () => {
    const expected = await expectedFeatures(60);
    const outcomes = await collect(service.processAudioStream(fileOf(60)));
    expect(faultsOf(outcomes, expected)).toEqual(noFaults);
    const first = outcomes[0]!;
    expect(first.ok && first.value).toMatchObject({
      seq: 0,
      firstSample: 0,
      sampleCount: 1600,
      sampleRate: 16_000,
      gap: false,
      model: { name: 'fixture', revision: 'test-1' },
    });
  });

  test('shares one connection with others, each with its own order', async () => {
    const expected = await expectedFeatures(40);
    const before = service.metrics().health.latencies.connect?.count ?? 0;
    const all = await Promise.all(
      Array.from({ length: 12 }, () => collect(service.processAudioStream(fileOf(40)))),
    );
    for (const outcomes of all) expect(faultsOf(outcomes, expected)).toEqual(noFaults);
    expect(service.metrics().health.latencies.connect!.count).toBe(before + 1);
  });

  test('gives f32le samples with all their bits', async () => {
    const window = windowOf(3);
    const [exact] = await service.processAudio(window.samples, { sampleRate: 16_000, window: 'whole' });
    const [outcome] = await collect(service.processAudioStream(listOf(window), { encoding: 'f32le' }));
    expect(outcome!.ok && outcome.value.features).toEqual(exact!.features);
  });

  test('answers a bad window in its place and goes on', async () => {
    const nan = windowOf(2);
    nan.samples[5] = Number.NaN;
    const otherRate = { ...windowOf(4), sampleRate: 8000 };
    const tooLong = windowOf(6, { samples: 960_001 });
    const outcomes = await collect(
      service.processAudioStream(
        listOf(
          windowOf(0),
          windowOf(1, { samples: 100 }),
          nan,
          windowOf(3),
          otherRate,
          { ...windowOf(5), firstSample: -1 },
          tooLong,
          windowOf(7),
        ),
      ),
    );
    expect(outcomes.map((outcome) => (outcome.ok ? outcome.value.seq : outcome.window.seq))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ]);
    expect(outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))).toEqual([
      'ok',
      'TOO_SHORT',
      'BAD_REQUEST',
      'ok',
      'SAMPLE_RATE',
      'BAD_REQUEST',
      'TOO_LARGE',
      'ok',
    ]);
  });

  test('throws what no retry can mend', async () => {
    const wrongRate = { ...windowOf(0), sampleRate: 44_100 };
    await expect(collect(service.processAudioStream(listOf(wrongRate)))).rejects.toMatchObject({
      code: 'SAMPLE_RATE',
      retryable: false,
    });
    await expect(collect(service.processAudioStream(fileOf(1), { model: 'nobody' }))).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
    });
    await using stranger = new PythonBridgeService({ baseUrl: bridge.url, token: 'wrong' });
    await expect(collect(stranger.processAudioStream(fileOf(1)))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    expect(stranger.metrics().reconnects).toBe(0);
  });

  test('hands on the source’s own error after the windows before it', async () => {
    async function* breaking(): AsyncGenerator<AudioWindow> {
      yield* fileOf(3);
      throw new Error('the disk is gone');
    }
    const outcomes: WindowOutcome[] = [];
    const reading = (async () => {
      for await (const outcome of service.processAudioStream(breaking())) outcomes.push(outcome);
    })();
    await expect(reading).rejects.toThrow('the disk is gone');
    expect(outcomes).toHaveLength(3);
  });

  test('lets go of a source that gives what is no window, and of one that throws when it is let go', async () => {
    let released = 0;
    const sourceOf = (values: unknown[], release: () => void) => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: values.shift() as AudioWindow }),
        return: () => {
          released++;
          release();
          return Promise.resolve({ done: true as const, value: undefined });
        },
      }),
    });
    const nonsense = sourceOf([windowOf(0), undefined], () => {});
    await expect(collect(service.processAudioStream(nonsense))).rejects.toThrow(TypeError);
    expect(released).toBe(1);
    const controller = new AbortController();
    const broken = sourceOf(
      Array.from({ length: 999 }, (_, seq) => windowOf(seq)),
      () => {
        throw new Error('it does not want to end');
      },
    );
    const stream = service.processAudioStream(broken, { signal: controller.signal });
    await stream.next();
    controller.abort();
    await expect(collect(stream)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(released).toBe(2);
  });

  test('asks a file for no more than it may hold while nobody reads', async () => {
    let asked = 0;
    async function* counting(): AsyncGenerator<AudioWindow> {
      for await (const window of fileOf(20_000)) {
        asked++;
        yield window;
      }
    }
    const stream = service.processAudioStream(counting(), { maxUnanswered: 16 });
    await stream.next();
    let before = -1;
    while (asked !== before) {
      before = asked;
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    // 16 unanswered, and as many vectors of 56 bytes as a credit of 256 KiB or 256 waiting outcomes let through.
    expect(asked).toBeLessThanOrEqual(16 + 256 + 2);
    for (let i = 1; i < 1000; i++)
      expect((await stream.next()).value).toMatchObject({ ok: true, value: { seq: i } });
    await stream.return!();
  });
});

describe('ending a stream', () => {
  test('by break, return or abort lets go of source, server and socket at once', async () => {
    const timersBefore = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    let returned = 0;
    async function* endless(): AsyncGenerator<AudioWindow> {
      try {
        for (let seq = 0; ; seq++) yield windowOf(seq);
      } finally {
        returned++;
      }
    }
    for await (const outcome of service.processAudioStream(endless())) if (outcome.ok) break;
    const stream = service.processAudioStream(endless());
    await stream.next();
    await stream.return!();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    const controller = new AbortController();
    const aborted = service.processAudioStream(endless(), { signal: controller.signal });
    await aborted.next();
    controller.abort();
    await expect(collect(aborted)).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect.poll(() => returned, patiently).toBe(3);
    await expect.poll(serverHolds, patiently).toEqual({ streams: 0, connections: 0 });
    expect(service.metrics()).toMatchObject({ streams: 0, unansweredBytes: 0, bufferedBytes: 0 });
    await expect
      .poll(() => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length, patiently)
      .toBeLessThanOrEqual(timersBefore);
  });

  test('by abort rejects a read that is waiting for a silent source', async () => {
    const controller = new AbortController();
    async function* silent(): AsyncGenerator<AudioWindow> {
      yield windowOf(0);
      await new Promise(() => {});
    }
    const stream = service.processAudioStream(silent(), { signal: controller.signal });
    await stream.next();
    const waiting = stream.next();
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(stream.next()).resolves.toEqual({ done: true, value: undefined });
  });

  test('before its first read does nothing at all', async () => {
    const connectionsBefore = await connectionsSoFar();
    const stream = service.processAudioStream(fileOf(3), { signal: AbortSignal.abort() });
    await stream.return!();
    await expect(
      service.processAudioStream(fileOf(3), { signal: AbortSignal.abort() }).next(),
    ).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(await connectionsSoFar()).toBe(connectionsBefore);
  });

  test('of one of several leaves the others whole', async () => {
    const expected = await expectedFeatures(40);
    const leaving = service.processAudioStream(fileOf(5000));
    const staying = collect(service.processAudioStream(fileOf(40)));
    await leaving.next();
    await leaving.return!();
    expect(faultsOf(await staying, expected)).toEqual(noFaults);
  });
});

describe('a live stream that the server cannot follow', () => {
  test('drops its oldest windows and marks each hole', async () => {
    // Each window keeps the model busy for some 80 ms; one comes every 10 ms.
    const outcomes = await collect(
      service.processAudioStream(microphone(150, 10, 3.9), {
        overflow: 'dropOldest',
        maxUnanswered: 4,
        encoding: 'f32le',
      }),
    );
    expect(outcomes.length).toBeLessThan(150);
    let next = 0;
    let holes = 0;
    for (const outcome of outcomes) {
      expect(outcome.ok).toBe(true);
      if (!outcome.ok) continue;
      const { seq, gap, firstSample } = outcome.value;
      expect(seq).toBeGreaterThanOrEqual(next);
      expect(gap).toBe(seq > next);
      expect(firstSample).toBe(seq * hopSamples);
      if (gap) holes++;
      next = seq + 1;
    }
    expect(holes).toBeGreaterThan(0);
    expect(service.metrics().droppedWindows).toBe(150 - outcomes.length);
  });

  test('is answered with an error for a window on which the model hangs, and goes on', async () => {
    // Of different lengths, because the server runs equal ones together and gives them up together.
    const windows = listOf(
      windowOf(0),
      windowOf(1, { samples: 1700, loudest: 8 }),
      windowOf(2, { samples: 1800 }),
    );
    const outcomes = await collect(service.processAudioStream(windows, { encoding: 'f32le' }));
    expect(outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))).toEqual([
      'ok',
      'INTERNAL',
      'ok',
    ]);
  });
});
