import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { HealthReport } from '../../nodes/earmark-health/health-report.ts';
import type { MemoryNode } from '../../nodes/earmark-memory/earmark-memory.ts';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { TestFlow } from './test-flow.ts';

let server: RealBridge;
let flow: TestFlow;
beforeAll(async () => {
  server = await startRealBridge({ model: 'fixture' });
});
afterAll(() => server[Symbol.asyncDispose]());
afterEach(() => flow.close());

async function load(options: object = {}): Promise<void> {
  flow = await TestFlow.load(
    [
      { id: 'bridge', type: 'earmark-bridge', url: server.url },
      { id: 'memory', type: 'earmark-memory' },
      { id: 'health', type: 'earmark-health', memory: 'memory', wires: [['out']], ...options },
      { id: 'out', type: 'helper' },
      { id: 'extract', type: 'earmark-wav2vec2-extract', wires: [['vector']] },
      { id: 'vector', type: 'helper' },
    ],
    { credentials: { bridge: { token: server.token } } },
  );
}

const reports = () => flow.received('out').map(({ payload }) => payload as HealthReport);
const sound = () => ({
  payload: Array.from({ length: 16_000 }, (_, i) => Math.sin(i / 20) / 2),
  audio: { sampleRate: 16_000 },
});

describe('health', () => {
  it('answers with one plain report', async () => {
    await load();
    await flow.status('health', 'status.ready');
    await flow.node<MemoryNode>('memory').storage();
    flow.send('extract', sound());
    await flow.arrived('vector');
    flow.send('health', { topic: 'mine', kept: 1 });
    const [message] = await flow.arrived('out');
    expect(message).toMatchObject({ topic: 'mine', kept: 1 });
    const [report] = reports();
    expect(report).toMatchObject({
      status: 'ok',
      reason: '',
      bridge: { state: 'ready', server: { status: expect.any(String) } },
      memory: { state: 'ready', sounds: 0 },
    });
    expect(report!.requests.find(({ operation }) => operation === 'processAudio')).toMatchObject({
      succeeded: 1,
    });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('reports by itself when the bridge goes and when it comes back', async () => {
    await load({ onChange: true });
    await flow.status('health', 'status.ready');
    await server.kill();
    flow.send('extract', sound());
    await vi.waitFor(() => expect(reports().at(-1)?.status).toBe('down'), { timeout: 10_000 });
    expect(reports().at(-1)!.reason).toContain('cannot be reached');
    await server.restart();
    await vi.waitFor(() => expect(reports().at(-1)?.status).toBe('ok'), { timeout: 10_000 });
  });

  it('reports every so often', async () => {
    await load({ everySeconds: '0.1' });
    await flow.arrived('out', 3);
  });

  it('takes no number that a flow may hold for a thousand reports a second', async () => {
    await load({ everySeconds: '3000000' });
    await flow.status('health', 'status.ready');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(reports()).toEqual([]);
  });

  it('opens the circuits by message, which holds calls back, and closes them again', async () => {
    await load();
    await flow.status('health', 'status.ready');
    flow.send('health', { payload: 'open' });
    await flow.status('extract', 'status.bridge-paused');
    flow.send('extract', sound());
    await flow.arrived('out');
    const [held] = reports();
    expect(held).toMatchObject({ status: 'degraded', bridge: { state: 'paused' } });
    expect(new Set(Object.values(held!.circuits))).toEqual(new Set(['open']));
    expect(flow.received('vector')).toEqual([]);
    flow.send('health', { payload: 'close' });
    await flow.arrived('vector');
    await flow.status('extract', 'status.ready');
    expect(new Set(Object.values(reports().at(-1)!.circuits))).toEqual(new Set(['closed']));
  });
});
