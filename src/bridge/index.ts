export type { BridgeConfig, ModelEndpoint } from './bridge-config.ts';
export { BridgeError, type BridgeErrorCode } from './bridge-error.ts';
export {
  BridgeProcess,
  type BridgeProcessOptions,
  type BridgeProcessState,
} from './bridge-process.ts';
export type { BridgeState } from './bridge-state.ts';
export type { CircuitStateName } from './circuit.ts';
export type { Cancellable } from './deadline.ts';
export type { EmbeddedWindow, WindowOutcome, WindowReference } from './embedded-window.ts';
export type { EncoderModel, ModelCalibration, ModelStatus } from './encoder-model.ts';
export type { PcmEncoding } from './frames.ts';
export type { ProcessAudioOptions } from './process-audio.ts';
export {
  type BridgeHealth,
  type BridgeMetrics,
  type LoadModelOptions,
  PythonBridgeService,
} from './python-bridge-service.ts';
export {
  ensurePythonEnvironment,
  type PythonEnvironment,
  type PythonEnvironmentOptions,
} from './python-environment.ts';
export { type PatternDetails, Wav2Vec2FeatureAdapter } from './wav2vec2-feature-adapter.ts';
export type { WindowStreamOptions } from './window-stream-options.ts';
