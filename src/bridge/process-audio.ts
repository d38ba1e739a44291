import type { EncoderIdentity } from '../pattern.ts';
import { urlBelow } from './bridge-config.ts';
import { BridgeError } from './bridge-error.ts';
import type { Cancellable } from './deadline.ts';
import type { EmbeddedWindow } from './embedded-window.ts';
import { decodeFeaturesFrames } from './frames.ts';
import { exchangeOk, type HttpRequest } from './http-exchange.ts';
import { parsePlainJson } from './plain-json.ts';

export interface ProcessAudioOptions extends Cancellable {
  /** Hertz; must be the model's, nothing is resampled here. */
  sampleRate: number;
  /** The model's name. @default the server's own default */
  model?: string | undefined;
  /** Seconds of a window, or `whole` for one vector of all the audio. @default the model's own window */
  window?: number | 'whole';
  /** Seconds from one window's start to the next one's. @default the model's own step */
  hop?: number;
}

const maximumAnswerBytes = 64 * 1024 * 1024;
/** What the binary answer cannot hold: which model it was and how long its windows are. */
const modelHeader = 'earmark-model';

/**
 * One-shot embedding by `POST /process/wav2vec2`, vectors coming back in binary.
 * @throws BridgeError
 */
export async function embedOnce(
  samples: Float32Array | Int16Array,
  options: ProcessAudioOptions,
  server: { base: URL } & Pick<HttpRequest, 'token' | 'signal'>,
): Promise<EmbeddedWindow[]> {
  checkOptions(options);
  const { sampleRate, model, window, hop } = options;
  const url = urlBelow(server.base, '/process/wav2vec2');
  url.searchParams.set('sampleRate', String(sampleRate));
  url.searchParams.set('encoding', samples instanceof Int16Array ? 's16le' : 'f32le');
  if (model !== undefined) url.searchParams.set('model', model);
  if (window !== undefined) url.searchParams.set('window', String(window));
  if (hop !== undefined) url.searchParams.set('hop', String(hop));
  const answer = await exchangeOk({
    ...server,
    method: 'POST',
    url,
    headers: { 'content-type': 'application/octet-stream', accept: 'application/octet-stream' },
    body: new Uint8Array(samples.buffer as ArrayBuffer, samples.byteOffset, samples.byteLength),
    maxResponseBytes: maximumAnswerBytes,
  });
  const { name, revision, sampleCount } = parseModelHeader(answer.headers.get(modelHeader));
  return decodeFeaturesFrames(answer.body).map(({ seq, firstSample, gap, features }) => ({
    seq,
    firstSample,
    sampleCount,
    sampleRate,
    gap,
    features,
    model: { name, revision },
  }));
}

function parseModelHeader(header: string | null): EncoderIdentity & { sampleCount: number } {
  try {
    const { name, revision, sampleCount } = parsePlainJson(header ?? '') as Record<string, unknown>;
    if (typeof name === 'string' && typeof revision === 'string' && Number.isInteger(sampleCount)) {
      return { name, revision, sampleCount: sampleCount as number };
    }
  } catch {
    // Told below.
  }
  throw new BridgeError(
    'BAD_RESPONSE',
    'The server did not say which model it used. Is it an Earmark server of the same version?',
  );
}

/** Where windows begin: every `hop` samples, and once more so that the last one ends with the audio. */
export function windowStarts(samples: number, window: number, hop: number): number[] {
  if (samples <= window) return [0];
  const starts: number[] = [];
  for (let start = 0; start <= samples - window; start += hop) starts.push(start);
  if (starts.at(-1) !== samples - window) starts.push(samples - window);
  return starts;
}

/** @throws BridgeError `BAD_REQUEST` */
export function checkOptions({ sampleRate, window, hop }: ProcessAudioOptions): void {
  if (!Number.isInteger(sampleRate) || sampleRate < 1) {
    throw new BridgeError('BAD_REQUEST', `sampleRate must be a whole number of hertz, not ${sampleRate}.`);
  }
  if (window !== undefined && window !== 'whole' && !(window > 0 && Number.isFinite(window))) {
    throw new BridgeError('BAD_REQUEST', `window must be seconds above 0 or 'whole', not ${window}.`);
  }
  if (hop !== undefined && !(hop > 0 && Number.isFinite(hop))) {
    throw new BridgeError('BAD_REQUEST', `hop must be seconds above 0, not ${hop}.`);
  }
}
