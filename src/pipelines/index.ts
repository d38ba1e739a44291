export {
  EventTracker,
  type EventTrackerOptions,
  type HeardLabel,
  type SoundEvent,
} from '../recognition/event-tracker.ts';
export { type RecognisedMemory, Recogniser, type RecogniserOptions } from '../recognition/recogniser.ts';
export type { LabelVote, Recognition, UnknownReason } from '../recognition/recognition.ts';
export { type EmbeddedSound, type Outcome, soundPattern } from './embedded-sound.ts';
export { type ExtractFeaturesOptions, extractFeatures } from './extract-features.ts';
export type { FeatureBridge } from './feature-bridge.ts';
export type { FeatureMemory } from './feature-memory.ts';
export { type FindSimilarOptions, findSimilar, type SimilarSounds } from './find-similar.ts';
export { framePcm } from './frame-pcm.ts';
export { fromFile } from './from-file.ts';
export { fromFolder } from './from-folder.ts';
export { fromMicrophone } from './from-microphone.ts';
export { fromSource } from './from-source.ts';
export { fromUrl } from './from-url.ts';
export { PullObservable, type PullSession } from './pull-observable.ts';
export type { PushOptions } from './pull-operator.ts';
export { queryPatterns } from './query-patterns.ts';
export { type RecognisedSound, type RecogniseOptions, recognise } from './recognise.ts';
export { segmentSounds } from './segment-sounds.ts';
export { type StoredSound, type StorePatternsOptions, storePatterns } from './store-patterns.ts';
export { type Failure, successes } from './successes.ts';
