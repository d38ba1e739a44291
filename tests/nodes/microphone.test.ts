import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { noVirtualMicrophone, VirtualMicrophone } from '../virtual-microphone.ts';
import { type FlowNode, TestFlow } from './test-flow.ts';

if (noVirtualMicrophone && process.env.CI === 'true') throw new Error(`This test ${noVirtualMicrophone}.`);

/** `EARMARK_RECORDING_SECONDS=60` makes it the long recording of the soak. */
const seconds = Number(process.env.EARMARK_RECORDING_SECONDS ?? 6);
const rate = 16_000;

describe.skipIf(noVirtualMicrophone)(`a live microphone (${noVirtualMicrophone ?? 'virtual'})`, () => {
  let microphone: VirtualMicrophone;
  let server: RealBridge;
  let flow: TestFlow;

  beforeEach(async () => {
    [microphone, server] = await Promise.all([
      VirtualMicrophone.start(),
      startRealBridge({ model: 'fixture' }),
    ]);
    flow = await TestFlow.load(
      [
        { id: 'bridge', type: 'earmark-bridge', url: server.url },
        { id: 'memory', type: 'earmark-memory' },
        {
          id: 'capture',
          type: 'earmark-capture',
          source: 'microphone',
          device: 'vmic',
          windowSeconds: '0.5',
          hopSeconds: '0.5',
          wires: [['extract', 'captured']],
        },
        { id: 'extract', type: 'earmark-wav2vec2-extract', wires: [['store', 'similar']] },
        { id: 'store', type: 'earmark-store-pattern', label: 'noise', labelType: 'str', wires: [['stored']] },
        { id: 'similar', type: 'earmark-similar', mode: 'neighbours', wires: [['answered'], ['answered']] },
        { id: 'catch', type: 'catch', scope: null, wires: [['caught']] },
        ...['captured', 'stored', 'answered', 'caught'].map((id) => ({ id, type: 'helper' })),
      ] satisfies FlowNode[],
      { credentials: { bridge: { token: server.token } } },
    );
  });
  afterEach(async () => {
    await flow.close();
    await server[Symbol.asyncDispose]();
    await microphone.stop();
  });

  it(
    `goes capture, extract, store and similar for ${seconds} s with no window lost`,
    async () => {
      flow.send('capture', { payload: 'start' });
      await flow.status('capture', 'status.listening');
      const noise = Float32Array.from({ length: seconds * rate }, () => Math.random() - 0.5);
      await microphone.play(noise, rate);
      const windows = Math.floor(seconds / 0.5);
      await flow.arrived('captured', windows, 20_000);
      flow.send('capture', { payload: 'stop' });
      await flow.status('capture', 'status.stopped');

      const captured = flow
        .received('captured')
        .map(({ audio }) => audio as { startTime: number; gap: boolean });
      expect(captured.map(({ startTime }) => startTime)).toEqual(captured.map((_, index) => index / 2));
      expect(captured.filter(({ gap }) => gap)).toEqual([]);
      const stored = await flow.arrived('stored', captured.length);
      const times = stored.map(({ payload }) => (payload as { startTime: number }).startTime);
      expect(times).toEqual(captured.map(({ startTime }) => startTime));
      expect(await flow.arrived('answered', captured.length)).toHaveLength(captured.length);
      expect(flow.received('caught')).toEqual([]);
    },
    (seconds + 40) * 1000,
  );
});
