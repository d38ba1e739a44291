import type { StoredPattern } from '../pattern.ts';
import { refusedLabels } from '../storage/refused-labels.ts';

/** What recognition took a sound for. */
export interface HeardAnswer {
  /** Absent when it is none of the known ones. */
  label?: string;
  /** 0 to 1: of the label; without one, that it is none of them. */
  confidence: number;
  /** The labelled sound that came nearest. */
  match?: { id: string; label: string; similarity: number };
}

/** A sound as a list shows it: plain JSON, without its vector. */
export interface SoundSummary {
  id: string;
  label?: string;
  /** What it was said not to be. */
  notLabel?: string[];
  sourceId: string;
  tags?: string[];
  type: string;
  /** 0 to 1. */
  confidence: number;
  /** When it was heard, in milliseconds since 1970. */
  createdAt: number;
  /** Seconds since the source's start. */
  startTime: number;
  endTime: number;
  /** Hertz. */
  low: number;
  high: number;
  /** Of a sound that was heard and is not stored: what it was taken for. Its times are then those of all its pieces. */
  heardAs?: HeardAnswer;
}

/** What takes a look at the clip or at the whole memory, and is therefore asked for by itself. */
export interface SoundDetails {
  /** As it is now. */
  sound: SoundSummary;
  /** Whether there is a clip to play. */
  playable: boolean;
  /** dB below full scale, `<= 0`. */
  loudness?: number;
  /** Spectrogram values in base64: see `Spectrogram`. */
  picture?: string;
  /** The labelled sound that is most like it, itself left out. */
  match?: { id: string; label: string; similarity: number };
}

export function summarise({ pattern, metadata }: StoredPattern): SoundSummary {
  const summary: SoundSummary = {
    id: pattern.id,
    sourceId: metadata.sourceId,
    type: pattern.type,
    confidence: pattern.confidence,
    createdAt: metadata.createdAt,
    startTime: pattern.startTime,
    endTime: pattern.endTime,
    low: pattern.frequencyRange.low,
    high: pattern.frequencyRange.high,
  };
  if (metadata.label !== undefined) summary.label = metadata.label;
  const refused = refusedLabels(metadata);
  if (refused.length > 0) summary.notLabel = refused;
  if (metadata.tags !== undefined) summary.tags = metadata.tags;
  return summary;
}
