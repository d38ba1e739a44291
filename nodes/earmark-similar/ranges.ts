import type { NumberRange } from '../number-field.ts';

/** What the numbers of a similar node may be, in its dialog and in messages. */
export const ranges = {
  threshold: { min: -1, max: 1 },
  limit: { min: 1, max: 1000, whole: true },
  confirmations: { min: 1, max: 100, whole: true },
  holdBackSeconds: { min: 0, max: 3600 },
} satisfies Record<string, NumberRange>;
