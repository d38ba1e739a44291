import type { EncoderIdentity } from '../pattern.ts';
import type { BridgeError } from './bridge-error.ts';

/** Which piece of audio is meant. */
export interface WindowReference {
  /** The window's own number, as its source gave it. */
  seq: number;
  /** Samples since the source's start. */
  firstSample: number;
  sampleCount: number;
  /** True when audio before this window was lost, at the source or by the stream's `dropOldest`. */
  gap: boolean;
}

/** A window with its feature vector. */
export interface EmbeddedWindow extends WindowReference {
  /** Hertz; `firstSample / sampleRate` is the time in seconds. */
  sampleRate: number;
  /** The encoder's vector. It is the caller's own copy. */
  features: Float32Array;
  model: EncoderIdentity;
}

/** What became of a window: its vector, or why there is none. */
export type WindowOutcome =
  | { ok: true; value: EmbeddedWindow }
  | { ok: false; error: BridgeError; window: WindowReference };
