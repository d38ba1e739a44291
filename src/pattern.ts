/** A band of frequencies in hertz, `0 <= low <= high`. */
export interface FrequencyRange {
  low: number;
  high: number;
}

/** One remembered sound: where it was in its source, what it looked like, and its feature vector. */
export interface Pattern {
  /** Unique in a memory, 1 to 512 UTF-8 bytes. */
  id: string;
  /** Seconds since the source's start. */
  startTime: number;
  /** Seconds since the source's start, `>= startTime`. */
  endTime: number;
  frequencyRange: FrequencyRange;
  /** 0 to 1: how sure the producer is that this is a sound of `type`. */
  confidence: number;
  /** What kind of pattern it is, for example `sound`, `speech` or a detector's own word. */
  type: string;
  /** The encoder's vector, finite numbers; its length is the memory's `dimensions` (768). */
  features: Float32Array;
}

/** Which encoder made a vector. Vectors of different encoders cannot be compared. */
export interface EncoderIdentity {
  /** The encoder's name, for example `earmark-small`. */
  name: string;
  /** Twelve hex digits that change whenever the encoder's weights do. */
  revision: string;
}

/** What is known of a pattern beside the sound itself. */
export interface PatternMetadata {
  /** The microphone, file or stream that the sound came from. */
  sourceId: string;
  /** Milliseconds since 1970. Set by the memory when absent. */
  createdAt: number;
  /** Milliseconds since 1970. Set by the memory on every change. */
  lastModified: number;
  /** What the user calls this sound, for example `doorbell`. Absent: not yet labelled. */
  label?: string;
  /** What this sound is not, however like it may be: a label, or several. */
  notLabel?: string | string[];
  /** Free words to filter by. */
  tags?: string[];
  /** The encoder that made the features. */
  encoder?: EncoderIdentity;
  /** Anything else that is plain JSON. */
  [key: string]: unknown;
}

/** A pattern with its metadata, as the memory returns it. */
export interface StoredPattern {
  pattern: Pattern;
  metadata: PatternMetadata;
}

/** An inclusive range; an absent side is open. */
export interface NumberRange {
  min?: number;
  max?: number;
}

/** Criteria are joined by AND; ranges match by overlap. An empty query matches everything. */
export interface PatternQuery {
  type?: string;
  /** Seconds; matches patterns whose `[startTime, endTime]` overlaps it. */
  timeRange?: NumberRange;
  /** Hertz; matches patterns whose `frequencyRange` overlaps it. */
  frequencyRange?: NumberRange;
  /** Matches `confidence >= confidenceThreshold`. */
  confidenceThreshold?: number;
  sourceId?: string;
  label?: string;
  /** Matches patterns that were taught as not being this, with or without a label of their own. */
  notLabel?: string;
  /** Matches patterns that carry all of these tags. */
  tags?: string[];
  /** Milliseconds since 1970. */
  createdAt?: NumberRange;
  /** Default `createdAt`. Ties are broken by id. */
  sortBy?: 'createdAt' | 'startTime' | 'endTime' | 'confidence' | 'id';
  /** Default `desc` for `createdAt` and `confidence`, `asc` for the others. */
  sortDirection?: 'asc' | 'desc';
  /** Whole number >= 0. Default: the memory's `maxQueryResults`. */
  limit?: number;
}
