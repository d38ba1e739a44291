import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { WindowOutcome } from '../../src/bridge/embedded-window.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { Wav2Vec2FeatureAdapter } from '../../src/bridge/wav2vec2-feature-adapter.ts';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { collect, fileOf, windowOf } from './window-source.ts';

let bridge: RealBridge;
let service: PythonBridgeService;
const sampleRate = 16_000;
const samples = windowOf(1, { samples: 40_000 }).samples;

beforeAll(async () => {
  bridge = await startRealBridge({ model: 'fixture' });
  service = new PythonBridgeService({
    baseUrl: bridge.url,
    token: bridge.token,
    modelEndpoints: { other: `${bridge.url}/v2`, fixture: bridge.url, gone: 'http://127.0.0.1:9/v2' },
  });
});

afterAll(async () => {
  await service.close();
  await bridge[Symbol.asyncDispose]();
});

/** An HTTP server that answers as a test wants. */
async function startServer(listener: RequestListener): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('the real server over HTTP', () => {
  test('says how it is', async () => {
    expect(await service.checkHealth()).toMatchObject({ ready: true, status: 'ready' });
    expect(await service.serverReport()).toMatchObject({
      version: expect.any(String),
      gpu_available: expect.any(Boolean),
    });
  });

  test('lists, loads and unloads models', async () => {
    const models = await service.listModels();
    expect(models.map(({ name }) => name)).toEqual(['fixture', 'other', 'missing']);
    expect(models[0]).toMatchObject({
      state: 'loaded',
      model: { dimensions: 8, sampleRate, window: { seconds: 1 } },
    });
    expect(models[2]).toMatchObject({ state: 'failed', error: expect.stringContaining('manifest') });
    expect(models[2]!.model).toBeUndefined();
    expect(await service.loadModel('other')).toMatchObject({
      state: 'loaded',
      model: { revision: 'test-1' },
    });
    expect(await service.unloadModel('other')).toMatchObject({ state: 'available' });
    await expect(service.loadModel('nobody')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(service.loadModel('missing')).rejects.toMatchObject({ code: 'MODEL_FAILED' });
  });

  test('embeds audio by the model’s windows, by others and as a whole', async () => {
    const own = await service.processAudio(samples, { sampleRate });
    expect(own.map(({ seq, firstSample, sampleCount }) => [seq, firstSample, sampleCount])).toEqual([
      [0, 0, 16_000],
      [1, 8000, 16_000],
      [2, 16_000, 16_000],
      [3, 24_000, 16_000],
    ]);
    const shorter = await service.processAudio(samples, { sampleRate, window: 0.5, hop: 1 });
    expect(shorter.map(({ firstSample, sampleCount }) => [firstSample, sampleCount])).toEqual([
      [0, 8000],
      [16_000, 8000],
      [32_000, 8000],
    ]);
    const [whole, ...others] = await service.processAudio(samples, { sampleRate, window: 'whole' });
    expect(others).toEqual([]);
    expect(whole).toMatchObject({
      sampleCount: 40_000,
      gap: false,
      sampleRate,
      model: { name: 'fixture', revision: 'test-1' },
    });
    expect(Math.hypot(...whole!.features)).toBeCloseTo(1, 5);
  });

  test('takes 16-bit samples for the same sound', async () => {
    const integers = Int16Array.from(samples, (sample) => Math.round(sample * 32_768));
    const [a] = await service.processAudio(samples, { sampleRate });
    const [b] = await service.processAudio(integers, { sampleRate });
    expect(new Wav2Vec2FeatureAdapter(service).compareFeatures(a!.features, b!.features)).toBeGreaterThan(
      0.9999,
    );
  });

  test.each([
    [{ sampleRate: 8000 }, 'SAMPLE_RATE'],
    [{ sampleRate: 0 }, 'BAD_REQUEST'],
    [{ sampleRate, window: 0 }, 'BAD_REQUEST'],
    [{ sampleRate, hop: Number.NaN }, 'BAD_REQUEST'],
    [{ sampleRate, window: 0.001 }, 'TOO_SHORT'],
    [{ sampleRate, model: 'nobody' }, 'MODEL_NOT_FOUND'],
  ] as const)('refuses %j with %s', async (options, code) => {
    await expect(service.processAudio(samples, options)).rejects.toMatchObject({ code, retryable: false });
  });

  test('refuses a wrong token, and the token shows up nowhere', async () => {
    await using stranger = new PythonBridgeService({ baseUrl: bridge.url, token: 'wrong-secret' });
    const error = await stranger.listModels().catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(JSON.stringify(stranger.metrics()) + String((error as Error).stack)).not.toContain('wrong-secret');
  });
});

describe('a model on a server of the Open Inference Protocol', () => {
  test('gives the same vectors, one-shot and streamed', async () => {
    const here = await service.processAudio(samples, { sampleRate, window: 1, hop: 0.5 });
    const there = await service.processAudio(samples, { sampleRate, window: 1, hop: 0.5, model: 'other' });
    expect(there.map(({ firstSample, sampleCount }) => [firstSample, sampleCount])).toEqual(
      here.map(({ firstSample, sampleCount }) => [firstSample, sampleCount]),
    );
    for (const [i, { features, model }] of there.entries()) {
      expect(model).toEqual({ name: 'other', revision: 'test-1' });
      for (const [j, value] of features.entries()) expect(value).toBeCloseTo(here[i]!.features[j]!, 5);
    }
    const streamed = await collect(service.processAudioStream(fileOf(10), { model: 'other' }));
    expect(streamed.map((outcome) => outcome.ok && outcome.value.seq)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
  });

  test('answers each window that fails with its error, and an abort ends the stream', async () => {
    async function* shortOne() {
      yield windowOf(0);
      yield windowOf(1, { samples: 10 });
      yield windowOf(2);
    }
    const outcomes = await collect(service.processAudioStream(shortOne(), { model: 'other' }));
    expect(outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))).toEqual([
      'ok',
      'BAD_REQUEST',
      'ok',
    ]);
    const controller = new AbortController();
    const stream = service.processAudioStream(fileOf(1000), { model: 'other', signal: controller.signal });
    await stream.next();
    controller.abort();
    await expect(collect(stream)).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('that goes away for a while loses no window of a file', async () => {
    const server = createServer((request, response) => {
      const answer = { outputs: [{ name: 'features', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] };
      request.resume().on('end', () => response.end(JSON.stringify(answer)));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await using patient = new PythonBridgeService({ modelEndpoints: { m: `http://127.0.0.1:${port}/v2` } });
    const goAway = () => {
      server.close();
      server.closeAllConnections();
    };
    const outcomes: WindowOutcome[] = [];
    for await (const outcome of patient.processAudioStream(fileOf(60), { model: 'm' })) {
      if (outcomes.push(outcome) !== 20) continue;
      goAway();
      setTimeout(() => server.listen(port, '127.0.0.1'), 500);
    }
    expect(outcomes.map((outcome) => outcome.ok && outcome.value.seq)).toEqual(
      Array.from({ length: 60 }, (_, seq) => seq),
    );
    goAway();
    // For good: the stream ends, as one over a WebSocket does.
    const given = collect(patient.processAudioStream(fileOf(60), { model: 'm', giveUpAfter: 300 }));
    await expect(given).rejects.toMatchObject({
      code: expect.stringMatching(/^(UNREACHABLE|CIRCUIT_OPEN)$/),
    });
  });

  test('that asks for an hour is not waited for beyond the end of the stream', async () => {
    await using server = await startServer((_request, response) =>
      response.writeHead(503, { 'retry-after': '3600' }).end(),
    );
    await using service = new PythonBridgeService({ modelEndpoints: { m: `${server.url}/v2` } });
    const given = collect(service.processAudioStream(fileOf(5), { model: 'm', giveUpAfter: 300 }));
    await expect(given).rejects.toMatchObject({ code: 'DRAINING' });
  });

  test('that is down is told by its own circuit', async () => {
    for (let i = 0; i < 3; i++) {
      await expect(service.processAudio(samples, { sampleRate, model: 'gone' })).rejects.toMatchObject({
        code: expect.stringMatching(/^(UNREACHABLE|CIRCUIT_OPEN)$/),
      });
    }
    expect(service.metrics().circuits).toMatchObject({
      'http://127.0.0.1:9 gone': 'open',
      [`${bridge.url} default`]: 'closed',
    });
    expect(await service.processAudio(samples, { sampleRate })).toHaveLength(4);
  });

  test.each([
    ['no output', { outputs: [] }],
    ['another type', { outputs: [{ name: 'features', datatype: 'FP16', shape: [1, 2], data: [1, 2] }] }],
    [
      'a shape that is not its size',
      { outputs: [{ name: 'features', datatype: 'FP32', shape: [1, 3], data: [1, 2] }] },
    ],
    [
      'numbers that are none',
      { outputs: [{ name: 'features', datatype: 'FP32', shape: [1, 2], data: [1, 'x'] }] },
    ],
    // What many JSON writers make of NaN.
    [
      'null for a number',
      { outputs: [{ name: 'features', datatype: 'FP32', shape: [1, 2], data: [1, null] }] },
    ],
    [
      'a length beyond the answer',
      {
        outputs: [
          { name: 'features', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 800 } },
        ],
      },
    ],
  ])('that answers %s is told so', async (_name, answer) => {
    await using server = await startServer((_request, response) => response.end(JSON.stringify(answer)));
    await using service = new PythonBridgeService({ modelEndpoints: { m: `${server.url}/v2/models/m` } });
    await expect(service.processAudio(samples, { sampleRate, model: 'm' })).rejects.toMatchObject({
      code: 'BAD_RESPONSE',
    });
  });
});

describe('tokens', () => {
  test('reach the servers that they are for and no other', async () => {
    const seen: Record<string, string | undefined> = {};
    const listener: RequestListener = (request, response) => {
      const [path] = request.url!.split('?');
      seen[`${request.headers.host} ${path}`] = request.headers.authorization;
      response.writeHead(400).end();
    };
    await using own = await startServer(listener);
    await using other = await startServer(listener);
    await using service = new PythonBridgeService({
      baseUrl: own.url,
      token: 'bridge-token',
      modelEndpoints: {
        same: `${own.url}/v2`,
        stranger: `${other.url}/v2`,
        friend: { url: `${other.url}/friend/v2`, token: 'friend-token' },
      },
    });
    for (const model of [undefined, 'same', 'stranger', 'friend'])
      await service.processAudio(samples, { sampleRate, model, window: 'whole' }).catch(() => undefined);
    const host = (url: string) => new URL(url).host;
    expect(Object.values(seen)).toHaveLength(4);
    expect(seen[`${host(own.url)} /process/wav2vec2`]).toBe('Bearer bridge-token');
    expect(seen[`${host(own.url)} /v2/models/same/infer`]).toBe('Bearer bridge-token');
    expect(seen[`${host(other.url)} /v2/models/stranger/infer`]).toBeUndefined();
    expect(seen[`${host(other.url)} /friend/v2/models/friend/infer`]).toBe('Bearer friend-token');
  });
});

describe('a server in trouble', () => {
  test('is asked again after 503 and 429, as late as it says', async () => {
    const times: number[] = [];
    await using server = await startServer((_request, response) => {
      times.push(performance.now());
      if (times.length === 1) response.writeHead(503).end();
      else if (times.length === 2) response.writeHead(429, { 'retry-after': '1' }).end();
      else response.end('{"models":[]}');
    });
    await using service = new PythonBridgeService({ baseUrl: server.url });
    expect(await service.listModels()).toEqual([]);
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(990);
    expect(service.metrics().health.events).toMatchObject({ 'retry:DRAINING': 1, 'retry:OVERLOADED': 1 });
  });

  test('that answers nothing is left after the time-out, once', async () => {
    let requests = 0;
    await using server = await startServer(() => {
      requests++;
    });
    await using service = new PythonBridgeService({ baseUrl: server.url, timeout: 150 });
    await expect(service.listModels()).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(await service.checkHealth()).toMatchObject({
      ready: false,
      status: 'unreachable',
      error: { code: 'TIMEOUT' },
    });
    expect(requests).toBe(2);
  });

  test('is not waited for as long as fetch would need to call it unreachable', async () => {
    await using server = await startServer(() => {});
    await using service = new PythonBridgeService({ baseUrl: server.url, timeout: 3_600_000 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const waiting = service.listModels();
    waiting.catch(() => {});
    vi.advanceTimersByTime(280_000);
    vi.useRealTimers();
    await expect(waiting).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('280000 ms'),
    });
  });

  test('that answers without end is cut off', async () => {
    await using server = await startServer((_request, response) => {
      const more = () => {
        while (response.write(Buffer.alloc(64 * 1024)));
      };
      response.on('drain', more);
      more();
    });
    await using service = new PythonBridgeService({ baseUrl: server.url });
    await expect(service.listModels()).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });

  test('that sends the client elsewhere does not get the token there', async () => {
    let told: string | undefined = 'nobody came';
    await using elsewhere = await startServer((request, response) => {
      told = request.headers.authorization;
      response.end('{"models":[]}');
    });
    await using server = await startServer((_request, response) => {
      response.writeHead(307, { location: `${elsewhere.url}/models` }).end();
    });
    await using service = new PythonBridgeService({ baseUrl: server.url, token: 'secret' });
    await expect(service.listModels()).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
    expect(told).toBe('nobody came');
  });

  test('is not waited for after an abort or close', async () => {
    await using server = await startServer(() => {});
    const service = new PythonBridgeService({ baseUrl: server.url });
    const controller = new AbortController();
    const aborted = service.listModels({ signal: controller.signal });
    const closed = service.listModels();
    closed.catch(() => {});
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
    await service.close();
    await expect(closed).rejects.toMatchObject({ code: 'CLOSED' });
    await service.close();
  });
});

describe('the configuration', () => {
  test.each([
    [{ baseUrl: 'ftp://x' }, 'baseUrl'],
    [{ baseUrl: 'http://user:pass@x' }, 'baseUrl'],
    [{ timeout: 0 }, 'timeout'],
    [{ maxRetries: 1.5 }, 'maxRetries'],
    [{ healthEndpoint: 'readyz' }, 'healthEndpoint'],
    [{ modelEndpoints: { m: 'triton' } }, 'modelEndpoints.m'],
    [{ modelEndpoints: { m: { url: 'http://x', token: 'a b' } } }, 'modelEndpoints.m.token'],
    [{ token: 'a\r\nx-evil: 1' }, 'token'],
  ])('names what is wrong with %j', (config, field) => {
    expect(() => new PythonBridgeService(config)).toThrow(field);
  });

  test('takes the address of the streams for the server’s', async () => {
    await using service = new PythonBridgeService({
      baseUrl: bridge.url.replace('http', 'ws'),
      token: bridge.token,
    });
    expect(await service.checkHealth()).toMatchObject({ ready: true });
    expect(await collect(service.processAudioStream(fileOf(2)))).toHaveLength(2);
  });

  test('keeps a path in front of the server’s own', async () => {
    const paths: string[] = [];
    await using server = await startServer((request, response) => {
      paths.push(request.url!);
      response.end('{"models":[]}');
    });
    await using service = new PythonBridgeService({
      baseUrl: `${server.url}/earmark/`,
      healthEndpoint: '/health',
    });
    await service.listModels();
    await service.checkHealth();
    expect(paths).toEqual(['/earmark/models', '/earmark/health']);
  });
});

describe('the feature adapter', () => {
  test('goes from sounds to patterns that can be compared', async () => {
    using adapter = new Wav2Vec2FeatureAdapter(service);
    await expect(adapter.extractFeatures(samples, { sampleRate })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
    expect(await adapter.initialize()).toMatchObject({ name: 'fixture', dimensions: 8 });
    const [embedded] = await adapter.extractFeatures(samples, { sampleRate });
    const pattern = adapter.createPattern(
      { ...embedded!, firstSample: 8000 },
      { type: 'bell', confidence: 0.5 },
    );
    expect(pattern).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      startTime: 0.5,
      endTime: 3,
      frequencyRange: { low: 0, high: 8000 },
      confidence: 0.5,
      type: 'bell',
      features: embedded!.features,
    });
    const [other] = await adapter.extractFeatures(windowOf(30).samples, { sampleRate });
    expect(adapter.compareFeatures(pattern.features, embedded!.features)).toBeCloseTo(1, 6);
    expect(adapter.compareFeatures(pattern.features, other!.features)).toBeLessThan(0.999);
    expect(() => adapter.compareFeatures(pattern.features, new Float32Array(3))).toThrow('dimensions');
    expect(() => adapter.createPattern(embedded!, { confidence: 2 })).toThrow('confidence');
    adapter.dispose();
    await expect(adapter.extractFeatures(samples, { sampleRate })).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
