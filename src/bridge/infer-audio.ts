import type { EmbeddedWindow } from './embedded-window.ts';
import type { HttpRequest } from './http-exchange.ts';
import { inferFeatures } from './open-inference.ts';
import { checkOptions, type ProcessAudioOptions, windowStarts } from './process-audio.ts';

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
