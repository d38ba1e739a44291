import type { AudioWindow } from '../audio/pcm.ts';
import type { WindowOutcome } from '../bridge/embedded-window.ts';
import type { WindowStreamOptions } from '../bridge/window-stream-options.ts';

/** What the pipelines need of a bridge; `PythonBridgeService` is one. */
export interface FeatureBridge {
  /** Answers each window once and in order; pulls no more windows than it has room for. */
  processAudioStream(
    windows: AsyncIterable<AudioWindow>,
    options?: WindowStreamOptions,
  ): AsyncIterable<WindowOutcome>;
}
