/** How one label did in the vote. */
export interface LabelVote {
  label: string;
  /** 0 to 1: the chance that this sound has this label; those of all labels and of "none" make 1. */
  confidence: number;
  /** Likeness of the label's best examples, the cosine. */
  similarity: number;
  /** The similarity from which this label is believed, learnt from the memory. */
  threshold: number;
  /** Id of the most similar example. */
  nearest: string;
}

/** Why a sound got no label. */
export type UnknownReason =
  /** No example has a label yet. */
  | 'nothing-taught'
  /** No label is like it enough. */
  | 'none-of-these'
  /** It is most like what was taught as background. */
  | 'background';

/** The answer to "what is this sound?". */
export interface Recognition {
  /** Absent when it is none of the known ones. */
  label?: string;
  /** Why there is no label. */
  reason?: UnknownReason;
  /**
   * 0 to 1: of the label; without a label, that it is none of them. How often it is right where every other sound is an
   * unknown one: names are off by 0.03 (words of a new voice) to 0.08 (kitchen sounds), "none" is 0.2 too sure where the
   * examples of a label are unlike each other (tests/recognition/confidence.test.ts).
   */
  confidence: number;
  /** The labels that came nearest, best first. */
  votes: LabelVote[];
}
