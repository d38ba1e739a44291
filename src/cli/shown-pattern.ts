import path from 'node:path';
import type { StoredPattern } from '../pattern.ts';
import { printable } from './terminal.ts';
import { showTime } from './units.ts';

/** A pattern as `--json` and `--jsonl` print it: as the memory returns it, its 768 numbers only on request. */
export function patternJson(
  stored: StoredPattern & { similarity?: number },
  withFeatures = false,
): Record<string, unknown> {
  const { features, ...pattern } = stored.pattern;
  return {
    ...(stored.similarity === undefined ? {} : { similarity: stored.similarity }),
    pattern: withFeatures ? { ...pattern, features: [...features] } : pattern,
    metadata: stored.metadata,
  };
}

/** What people call it: its label, or else the name of its source. */
export function patternName({ metadata }: StoredPattern): string {
  return printable(metadata.label ?? path.basename(metadata.sourceId));
}

export function patternPlace({ pattern, metadata }: StoredPattern): string {
  return `${printable(metadata.sourceId)} ${showTime(pattern.startTime)}–${showTime(pattern.endTime)}`;
}
