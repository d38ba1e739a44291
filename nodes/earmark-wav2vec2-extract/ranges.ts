import type { NumberRange } from '../number-field.ts';

/** What the numbers of an extract node may be, in its dialog and in messages. */
export const ranges = {
  windowSeconds: { min: 0.1, max: 30 },
  hopSeconds: { min: 0.02, max: 30 },
} satisfies Record<string, NumberRange>;
