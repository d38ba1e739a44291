import type { FrequencyRange, StoredPattern } from '../src/pattern.ts';

/** A remembered sound as messages carry it: plain values that survive JSON, split and context stores. */
export interface PatternSummary {
  id: string;
  /** null where the sound has no label. */
  label: string | null;
  type: string;
  sourceId: string;
  /** Seconds since the source's start. */
  startTime: number;
  endTime: number;
  frequencyRange: FrequencyRange;
  confidence: number;
  tags: string[];
  /** Milliseconds since 1970. */
  storedAt: number;
}

export function patternSummary({ pattern, metadata }: StoredPattern): PatternSummary {
  return {
    id: pattern.id,
    label: metadata.label ?? null,
    type: pattern.type,
    sourceId: metadata.sourceId,
    startTime: pattern.startTime,
    endTime: pattern.endTime,
    frequencyRange: pattern.frequencyRange,
    confidence: pattern.confidence,
    tags: metadata.tags ?? [],
    storedAt: metadata.createdAt,
  };
}
