/** Which numbers are right. */
export interface NumberRange {
  min?: number;
  max?: number;
  /** Whole numbers only. */
  whole?: boolean;
}

/** A number from a dialog's field or a message; empty and what is no number count as not given. */
export function optionalNumber(value: unknown): number | undefined {
  if (value === '' || value === null || value === undefined || typeof value === 'boolean') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}
