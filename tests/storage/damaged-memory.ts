import type { NewStoredPattern } from '../../src/storage/index.ts';

/** What became of opening a damaged memory. */
export interface Outcome {
  file: string;
  damage: string;
  /** The code of the error that it ended with. */
  error?: string;
  patterns?: number;
  listed?: number;
  similar?: string[];
  problems?: number;
  events: string[];
}

export const queryVector = Float32Array.from({ length: 16 }, (_, i) => Math.cos(i * 3.3));

export function damagedPatterns(count: number, longestNote: number): NewStoredPattern[] {
  return Array.from({ length: count }, (_, number) => ({
    pattern: {
      id: `d${number.toString().padStart(5, '0')}`,
      startTime: number,
      endTime: number + 1,
      frequencyRange: { low: 1, high: 2 },
      confidence: 0.5,
      type: 'sound',
      features: Float32Array.from({ length: 16 }, (_, i) => Math.sin(number * (i + 1))),
    },
    metadata: {
      sourceId: 'damage',
      createdAt: number,
      tags: ['t'],
      note: 'x'.repeat((number * 37) % longestNote),
    },
  }));
}
