import type { NumberRange } from '../number-field.ts';

/** What the numbers of a query node may be that both its dialog and messages give. */
export const ranges = { lastHours: { min: 0 } } satisfies Record<string, NumberRange>;
