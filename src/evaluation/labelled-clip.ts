/** One recording of a manifest with its vector. */
export interface LabelledClip {
  /** What can be heard. */
  label: string;
  /** What it was cut from: a recording, a speaker, a place. Clips of one group are never compared. */
  group: string;
  /** The encoder's vector for the whole clip. */
  features: Float32Array;
}
