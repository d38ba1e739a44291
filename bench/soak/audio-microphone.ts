import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from '../../scripts/build.mjs';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { startRealBridge } from '../../tests/real-bridge.ts';
import { type FlowNode, NodeRed } from '../../tests/runtime/node-red.ts';
import { VirtualMicrophone } from '../../tests/virtual-microphone.ts';

const rate = 48_000;
const seconds = 0.4;
const tone = Float32Array.from(
  { length: seconds * rate },
  (_, i) => 0.4 * Math.sin((2 * Math.PI * 700 * i) / rate),
);
const hopSeconds = 0.5;

/** What the flow tells of a window of the one branch, or of a sound of the other. */
interface Told {
  /** Milliseconds since 1970 at which the message was there. */
  at: number;
  startTime: number;
  gap: boolean;
  /** Milliseconds since 1970 at which the sound ended, by the microphone's samples. */
  endedAt: number;
}

/**
 * `[minutes]`, default 10: a real Node-RED listens to a microphone for so long, in fixed windows and in sounds at
 * once, with the real server and memory. Counts lost windows, times a known sound from its end to the message of
 * the similar node, and takes the microphone away halfway.
 */
export async function run({ args }: { args: string[] }): Promise<Record<string, unknown>> {
  const minutes = Number(args[0] ?? 10);
  await build();
  const server = await startRealBridge();
  const bridge = new PythonBridgeService({ baseUrl: server.url, token: server.token });
  const model = (await bridge.listModels())[0]!.model!;
  const microphone = await VirtualMicrophone.start();
  const nodeRed = await NodeRed.start({ flows: [] });
  try {
    await nodeRed.deploy(flow(server, microphone.device, model.dimensions));
    await nodeRed.status('sounds', 'status.listening');
    await nodeRed.status('windows', 'status.listening');
    const started = nodeRed.log.length;
    const told = (id: string) => nodeRed.debugged(id).map((text) => JSON.parse(text) as Told);

    // The first hearing is stored; what the flow needs once is done by then.
    await microphone.play(tone, rate);
    await nodeRed.debug('taught');
    await sleep(2000);
    const sizes = () => ({ nodeRed: residentBytes(nodeRed.pid), server: residentBytes(server.pid) });
    let early: ReturnType<typeof sizes> | undefined;
    const fromCommand: number[] = [];
    const fromSamples: number[] = [];
    let played = 0;
    let unplugged = false;
    const end = performance.now() + minutes * 60_000;
    while (performance.now() < end) {
      const known = told('heard').length;
      const commanded = Date.now();
      await microphone.play(tone, rate);
      played++;
      await sleep(2000);
      const heard = told('heard')[known];
      if (heard !== undefined) {
        fromCommand.push(heard.at - commanded - 1000 * seconds);
        fromSamples.push(heard.at - heard.endedAt);
      }
      if (early === undefined && performance.now() > end - 0.9 * minutes * 60_000) early = sizes();
      if (!unplugged && performance.now() > end - minutes * 30_000) {
        unplugged = true;
        await microphone.unplug();
        await sleep(1500);
        await microphone.replug();
        await sleep(5000);
      }
      await sleep(2000);
    }
    const late = sizes();
    const windows = told('window');
    const encoder = await encoderTime(bridge, model.sampleRate);
    return {
      minutes,
      model: model.name,
      windows: windows.length,
      /** One where it was unplugged. */
      gaps: windows.filter(({ gap }) => gap).length,
      holes: windows.filter(
        ({ gap, startTime }, i) =>
          i > 0 && !gap && Math.abs(startTime - windows[i - 1]!.startTime - hopSeconds) > 0.001,
      ).length,
      sounds_played: played,
      sounds_matched: fromCommand.length,
      /** From the command that plays the sound, and the sound's length: the player's own start is in it. */
      end_to_message_ms: spread(fromCommand),
      /** From the end of the sound as the capture node gives it. */
      end_to_message_by_samples_ms: spread(fromSamples),
      encoder_ms: Math.round(encoder),
      /** Since a tenth of the time was over. */
      node_red_growth_mb: Math.round((late.nodeRed - early!.nodeRed) / 1e6),
      server_growth_mb: Math.round((late.server - early!.server) / 1e6),
      warnings: nodeRed.log.slice(started).filter((line) => /\[(warn|error)\]/.test(line)),
    };
  } finally {
    await nodeRed.stop();
    await microphone.stop();
    await bridge.close();
    await server[Symbol.asyncDispose]();
  }
}

/** Two capture nodes with the dialog's defaults, one for each way of cutting. */
function flow(server: { url: string; token: string }, device: string, dimensions: number): FlowNode[] {
  const capture = {
    type: 'earmark-capture',
    source: 'microphone',
    device,
    windowSeconds: '1',
    hopSeconds: String(hopSeconds),
    pauseSeconds: '0.15',
    maxSeconds: '5',
    autoStart: true,
    format: 'raw',
  };
  const extract = {
    type: 'earmark-wav2vec2-extract',
    bridge: 'bridge',
    cut: 'whole',
    model: '',
    passSound: true,
    queueLimit: '32',
    queuePolicy: 'dropOldest',
  };
  const tell = `const { startTime, gap, startedAt, durationMs } = msg.audio;
return { payload: JSON.stringify({ at: Date.now(), startTime, gap, endedAt: startedAt + durationMs }) };`;
  const first = `if (context.get('taught')) return null;
context.set('taught', true);
return msg;`;
  const says = { type: 'debug', active: true, tosidebar: true, complete: 'payload', targetType: 'msg' };
  const nodes: FlowNode[] = [
    { id: 'windows', ...capture, cut: 'windows', wires: [['windowFeatures']] },
    { id: 'windowFeatures', ...extract, wires: [['windowTell']] },
    { id: 'windowTell', type: 'function', func: tell, outputs: 1, wires: [['window']] },
    { id: 'window', ...says },
    { id: 'sounds', ...capture, cut: 'sounds', wires: [['soundFeatures']] },
    { id: 'soundFeatures', ...extract, wires: [['similar']] },
    {
      id: 'similar',
      type: 'earmark-similar',
      memory: 'memory',
      mode: 'label',
      limit: '5',
      label: '',
      labelType: 'str',
      confirmations: '1',
      holdBackSeconds: '0',
      wires: [['heardTell'], ['first']],
    },
    { id: 'heardTell', type: 'function', func: tell, outputs: 1, wires: [['heard']] },
    { id: 'heard', ...says },
    { id: 'first', type: 'function', func: first, outputs: 1, wires: [['store']] },
    {
      id: 'store',
      type: 'earmark-store-pattern',
      memory: 'memory',
      label: 'tone',
      labelType: 'str',
      kind: 'sound',
      tags: '',
      keepClip: true,
      wires: [['taught']],
    },
    { id: 'taught', ...says },
  ];
  return [
    { id: 'tab', type: 'tab', label: 'soak' },
    {
      id: 'bridge',
      type: 'earmark-bridge',
      mode: 'remote',
      url: server.url,
      timeout: '30',
      retries: '3',
      credentials: { token: server.token },
    },
    {
      id: 'memory',
      type: 'earmark-memory',
      folder: 'soak',
      clipMegabytes: '10',
      metric: 'cosine',
      dimensions: String(dimensions),
      saveChanges: '1000',
      saveSeconds: '60',
    },
    ...nodes.map((node) => ({ z: 'tab', x: 0, y: 0, name: '', wires: [], ...node })),
  ];
}

function spread(milliseconds: number[]) {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN);
  return { p50: at(0.5), p95: at(0.95), worst: at(1) };
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

function residentBytes(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}
