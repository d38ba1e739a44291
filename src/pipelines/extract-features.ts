import type { OperatorFunction } from 'rxjs';
import type { AudioWindow } from '../audio/pcm.ts';
import { BridgeError } from '../bridge/bridge-error.ts';
import type { WindowStreamOptions } from '../bridge/window-stream-options.ts';
import { describeSound, type EmbeddedSound, type Outcome } from './embedded-sound.ts';
import type { FeatureBridge } from './feature-bridge.ts';
import { type PushOptions, pullOperator } from './pull-operator.ts';

export interface ExtractFeaturesOptions
  extends PushOptions,
    Pick<WindowStreamOptions, 'giveUpAfter' | 'maxUnanswered'> {
  /** The encoder's name. Default: the server's default model. */
  model?: string;
  /** Whether the results carry the window's audio, for storing clips. Default false. */
  keepSamples?: boolean;
  /**
   * `value`: a window that cannot be embedded is an outcome with `ok: false` and the stream goes on. `throw`: it
   * ends the stream. Default `value`.
   */
  errors?: 'value' | 'throw';
}

/**
 * Turns windows into feature vectors, in order, one outcome for each window.
 *
 * Over a pull source it reads as fast as the encoder works. Over a pushing Observable windows wait in a
 * bounded buffer (see `buffer`, `overflow`), and a window after dropped ones has `gap` set.
 *
 * @example
 * ```ts
 * import { lastValueFrom, toArray } from 'rxjs';
 * import { extractFeatures, framePcm, fromFile, successes } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const sounds = await lastValueFrom(
 *   fromFile(path).pipe(framePcm({ windowMs: 1000 }), extractFeatures(bridge), successes(), toArray()),
 * );
 * console.log(sounds.map((sound) => sound.startTime)); // [0, 1, 2]
 * ```
 */
export function extractFeatures(
  bridge: FeatureBridge,
  options: ExtractFeaturesOptions = {},
): OperatorFunction<AudioWindow, Outcome<EmbeddedSound>> {
  const { model, giveUpAfter, maxUnanswered } = options;
  async function* extract(
    windows: AsyncIterable<AudioWindow>,
    signal: AbortSignal,
  ): AsyncGenerator<Outcome<EmbeddedSound>, void, undefined> {
    // The bridge holds back the windows it has no room for, so that this stays as small as its own buffer.
    const unanswered = new Map<number, AudioWindow>();
    const sent = async function* () {
      let seq = 0;
      for await (const window of windows) {
        unanswered.set(seq, window);
        // Merged or filtered streams have holes in their numbers; the wire does not allow any.
        yield { ...window, seq: seq++ };
      }
    };
    for await (const outcome of bridge.processAudioStream(sent(), {
      model,
      giveUpAfter,
      maxUnanswered,
      signal,
    })) {
      const { seq } = outcome.ok ? outcome.value : outcome.window;
      const window = unanswered.get(seq);
      if (window === undefined) {
        throw new BridgeError(
          'BAD_RESPONSE',
          'The bridge answered a window that was not waiting for an answer.',
        );
      }
      unanswered.delete(seq);
      if (outcome.ok) {
        const sound = describeSound(window, { ...outcome.value, seq: window.seq });
        if (options.keepSamples) sound.samples = window.samples;
        yield { ok: true, value: sound };
      } else if (options.errors === 'throw') {
        throw outcome.error;
      } else {
        const { sourceId } = window;
        const reference = { ...outcome.window, seq: window.seq };
        yield {
          ok: false,
          error: outcome.error,
          window: sourceId === undefined ? reference : { ...reference, sourceId },
        };
      }
    }
  }
  return pullOperator(extract, options, (window) => ({ ...window, gap: true }));
}
