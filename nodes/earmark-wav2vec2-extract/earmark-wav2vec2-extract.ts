import { setTimeout as sleep } from 'node:timers/promises';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { type AudioSource, measureFrequencyRange } from '../../src/audio/index.ts';
import { BridgeError, type EmbeddedWindow } from '../../src/bridge/index.ts';
import { missing, showBridge } from '../condition-status.ts';
import type { BridgeConnection } from '../earmark-bridge/bridge-connection.ts';
import { type FeatureDescription, plainObject } from '../feature-message.ts';
import { MessageOptions } from '../message-options.ts';
import { type QueuePolicy, type Work, workOnMessages } from '../message-worker.ts';
import { NodeError } from '../node-error.ts';
import { optionalNumber } from '../number-field.ts';
import { migrate } from '../saved-configuration.ts';
import { payloadSource, wavFile } from '../sound-message.ts';
import { StatusLight } from '../status-light.ts';
import { typedText } from '../typed-value.ts';
import { migrations } from './migrations.ts';
import { ranges } from './ranges.ts';

interface ExtractDef extends NodeDef {
  bridge: string;
  cut: 'whole' | 'windows';
  windowSeconds: string;
  hopSeconds: string;
  passSound: boolean;
  model: string;
  modelType: string;
  queueLimit: string;
  queuePolicy: QueuePolicy;
}

interface ExtractOptions {
  model?: string;
  window: number | 'whole';
  hop?: number;
}

/** What says that the bridge is gone for now, and not that this sound cannot be embedded. */
const awayCodes: ReadonlySet<string> = new Set(['UNREACHABLE', 'TIMEOUT', 'DRAINING', 'OVERLOADED']);
/** A sound that brings the server down each time must not hold up those behind it for ever. */
const mostAttempts = 5;
/** Between two looks at a circuit that another call is trying out. */
const circuitPollMs = 500;
/** What a bridge takes at once, 17 minutes at 16 kHz. A few megabytes of MP3 can hold many hours. */
const mostSamples = 2 ** 24;

export default function (RED: NodeAPI): void {
  function Extract(this: Node, saved: ExtractDef): void {
    RED.nodes.createNode(this, saved);
    const def = migrate(saved, migrations);
    const light = new StatusLight(this);
    const bridge = showBridge(RED, this, def.bridge, light);

    const work = async ({ message, send, signal }: Work) => {
      if (bridge === undefined) throw missing('bridge');
      const given = new MessageOptions(message);
      const model = given.text('model') ?? (await typedText(RED, this, def.model, def.modelType, message));
      const options = extractOptions(def, given, model);
      const passSound = given.flag('passSound') ?? def.passSound;
      const audio = plainObject(message.audio);
      const sourceId = typeof audio.sourceId === 'string' ? audio.sourceId : 'message';
      const { samples, sampleRate } = await gather(payloadSource(message, { sourceId }), signal);
      const windows = await embed(bridge.connection, samples, sampleRate, options, signal);
      const threshold = await bridge.connection.defaultThreshold(options.model);
      const id = RED.util.generateId();
      for (const [index, window] of windows.entries()) {
        const part = samples.subarray(window.firstSample, window.firstSample + window.sampleCount);
        const whole = options.window === 'whole';
        const description: FeatureDescription = {
          model: window.model.name,
          revision: window.model.revision,
          dimensions: window.features.length,
          ...(whole ? soundTimes(audio, samples.length / sampleRate) : windowTimes(audio, window)),
          frequencyRange: (whole && band(audio.frequencyRange)) || measureFrequencyRange(part, sampleRate),
          ...(threshold !== undefined && { threshold }),
        };
        const out: object = whole ? message : RED.util.cloneMessage({ ...message, payload: undefined });
        Object.assign(out, { payload: Array.from(window.features), features: description });
        const parts = plainObject(message.parts);
        if (!whole)
          Object.assign(out, { parts: { id, type: 'array', index, count: windows.length, len: 1 } });
        // Still one of its file's pieces, but no longer of bytes: join would make bytes of its numbers.
        else if (parts.type === 'buffer') Object.assign(out, { parts: { ...parts, type: 'array', len: 1 } });
        if (passSound) Object.assign(out, { audio: { ...audio, sourceId, clip: wavFile(part, sampleRate) } });
        send(out);
      }
    };

    workOnMessages(RED, this, {
      limit: optionalNumber(def.queueLimit) ?? 32,
      policy: def.queuePolicy,
      light,
      work,
    });
  }
  RED.nodes.registerType('earmark-wav2vec2-extract', Extract);
}

function extractOptions(def: ExtractDef, given: MessageOptions, name?: string): ExtractOptions {
  const model = name === undefined ? {} : { model: name };
  const windowSeconds = given.number('windowSeconds', ranges.windowSeconds);
  const hopSeconds = given.number('hopSeconds', ranges.hopSeconds);
  if ((given.choice('cut', ['whole', 'windows']) ?? def.cut) !== 'windows') {
    return { ...model, window: 'whole' };
  }
  const window = windowSeconds ?? optionalNumber(def.windowSeconds) ?? 1;
  const hop = hopSeconds ?? optionalNumber(def.hopSeconds) ?? window;
  return { ...model, window, hop: Math.min(window, hop) };
}

/** All samples of a source that is in memory already, at the encoder's rate. */
async function gather(source: AudioSource, signal: AbortSignal) {
  const chunks: Float32Array[] = [];
  let length = 0;
  for await (const { samples } of source.chunks(signal)) {
    chunks.push(samples);
    length += samples.length;
    if (length > mostSamples) {
      throw new NodeError(
        'BAD_MESSAGE',
        'msg.payload holds more than 17 minutes of sound: have capture cut it into pieces first.',
      );
    }
  }
  const samples = new Float32Array(length);
  let filled = 0;
  for (const chunk of chunks) {
    samples.set(chunk, filled);
    filled += chunk.length;
  }
  return { samples, sampleRate: source.info.sampleRate };
}

/** Waits for a bridge that is away, as long as it takes, and asks again when it is back. */
async function embed(
  connection: BridgeConnection,
  samples: Float32Array,
  sampleRate: number,
  options: ExtractOptions,
  signal: AbortSignal,
): Promise<EmbeddedWindow[]> {
  for (let attempts = 0; ; ) {
    const service = await connection.ready(signal);
    try {
      const model = options.model ?? connection.model;
      return await service.processAudio(samples, {
        ...options,
        ...(model !== undefined && { model }),
        sampleRate,
        signal,
      });
    } catch (error) {
      if (!(error instanceof BridgeError)) throw error;
      if (error.code === 'CIRCUIT_OPEN') {
        // Held back, so this sound has not been tried.
        await sleep(Math.max(circuitPollMs, error.retryAfterMs ?? 0), undefined, { signal });
        continue;
      }
      if (!awayCodes.has(error.code) || ++attempts === mostAttempts) throw error;
      connection.suspect(error);
    }
  }
}

function soundTimes(audio: Record<string, unknown>, seconds: number) {
  const startTime = optionalNumber(audio.startTime) ?? 0;
  return { startTime, endTime: optionalNumber(audio.endTime) ?? startTime + seconds };
}

function windowTimes(
  audio: Record<string, unknown>,
  { firstSample, sampleCount, sampleRate }: EmbeddedWindow,
) {
  const startTime = (optionalNumber(audio.payloadStart) ?? 0) + firstSample / sampleRate;
  return { startTime, endTime: startTime + sampleCount / sampleRate };
}

function band(value: unknown): FeatureDescription['frequencyRange'] | undefined {
  const { low, high } = plainObject(value);
  return typeof low === 'number' && typeof high === 'number' ? { low, high } : undefined;
}
