import type { NumberRange } from '../number-field.ts';

/** What the numbers of a capture node may be, in its dialog and in messages. */
export const ranges = {
  port: { min: 1, max: 65_535, whole: true },
  /** Hertz. */
  sampleRate: { min: 1000, max: 768_000, whole: true },
  windowSeconds: { min: 0.1, max: 30 },
  hopSeconds: { min: 0.02, max: 30 },
  pauseSeconds: { min: 0.05, max: 5 },
  maxSeconds: { min: 0.2, max: 30 },
} satisfies Record<string, NumberRange>;
