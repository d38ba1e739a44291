import type { AudioWindow } from '../audio/pcm.ts';
import { BridgeError } from './bridge-error.ts';
import type { EmbeddedWindow, WindowOutcome } from './embedded-window.ts';
import type { HttpRequest } from './http-exchange.ts';
import { inferFeatures } from './open-inference.ts';
import { checkOptions, type ProcessAudioOptions, windowStarts } from './process-audio.ts';
import type { WindowStreamOptions } from './window-stream-options.ts';

/**
 * One-shot embedding on a server that only knows tensors: the windows are cut here. Without a `window` the audio is one,
 * for such a server does not say what its model's own is.
 * @throws BridgeError
 */
export async function inferAudio(
  samples: Float32Array | Int16Array,
  options: ProcessAudioOptions,
  target: { model: string } & Pick<HttpRequest, 'url' | 'token' | 'signal'>,
): Promise<EmbeddedWindow[]> {
  checkOptions(options);
  const { sampleRate, window = 'whole', hop } = options;
  const audio =
    samples instanceof Int16Array ? Float32Array.from(samples, (sample) => sample / 32_768) : samples;
  const length = window === 'whole' ? audio.length : Math.max(1, Math.round(window * sampleRate));
  const step = hop === undefined ? length : Math.max(1, Math.round(hop * sampleRate));
  const embedded: EmbeddedWindow[] = [];
  for (const firstSample of windowStarts(audio.length, length, step)) {
    const piece = audio.subarray(firstSample, firstSample + length);
    const { features, version } = await inferFeatures(piece, target);
    embedded.push({
      seq: embedded.length,
      firstSample,
      sampleCount: piece.length,
      sampleRate,
      gap: false,
      features,
      model: { name: target.model, revision: version },
    });
  }
  return embedded;
}

/** Requests under way at once; Triton and KServe batch what comes together. */
const mostInFlight = 4;

/**
 * A stream over a server that has no streams: a few requests at a time, outcomes in the order of the windows. The source is
 * pulled only when a request may begin, so nothing is dropped here.
 */
export async function* inferStream(
  windows: AsyncIterable<AudioWindow>,
  options: Pick<WindowStreamOptions, 'signal' | 'maxUnanswered'>,
  embed: (window: AudioWindow, signal: AbortSignal) => Promise<EmbeddedWindow[]>,
): AsyncGenerator<WindowOutcome> {
  const { signal, maxUnanswered = mostInFlight } = options;
  const ending = new AbortController();
  const both = signal ? AbortSignal.any([signal, ending.signal]) : ending.signal;
  const inFlight: Promise<WindowOutcome>[] = [];
  try {
    for await (const window of windows) {
      inFlight.push(outcomeOf(window, embed(window, both)));
      if (inFlight.length >= Math.min(mostInFlight, maxUnanswered))
        yield await answered(inFlight.shift()!, signal);
    }
    while (inFlight.length > 0) yield await answered(inFlight.shift()!, signal);
  } finally {
    ending.abort();
  }
}

/** A cancelled stream throws, as one over a WebSocket does. */
async function answered(
  outcome: Promise<WindowOutcome>,
  signal: AbortSignal | undefined,
): Promise<WindowOutcome> {
  const settled = await outcome;
  if (!settled.ok && (signal?.aborted || settled.error.code === 'CLOSED')) throw settled.error;
  return settled;
}

async function outcomeOf(window: AudioWindow, embedding: Promise<EmbeddedWindow[]>): Promise<WindowOutcome> {
  const { seq, firstSample, gap } = window;
  const reference = { seq, firstSample, sampleCount: window.samples.length, gap };
  try {
    const [embedded] = await embedding;
    return { ok: true, value: { ...embedded!, ...reference } };
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    return { ok: false, error, window: reference };
  }
}
