import type { NumberRange } from '../number-field.ts';
import { type TextJudge, textField } from './text-field.ts';
import { currentValue, type Validator } from './validator.ts';

interface Range extends NumberRange {
  /** Whether an empty field is right too, because the node then chooses by itself. */
  blank?: boolean;
  /** Another field, whose number this one must not exceed. */
  notAbove?: string;
}

/** A validator that says which numbers a field takes. */
export function numberBetween({ when, ...range }: Range & { when?: string }): Validator {
  return textField(aNumber(range), when);
}

/** Says which numbers a field takes. */
export function aNumber(range: Range): TextJudge {
  const { min = -Infinity, max = Infinity, whole = false, blank = false, notAbove } = range;
  return (value, node) => {
    if (isEmpty(value)) return blank || node._('invalid.missing');
    const number = Number(value);
    if (!Number.isFinite(number) || number < min || number > max || (whole && !Number.isInteger(number))) {
      const kind = whole ? 'whole' : 'number';
      if (max === Infinity) return node._(`invalid.${kind}-from`, { min });
      return node._(`invalid.${kind}-between`, { min, max });
    }
    if (notAbove === undefined) return true;
    const most = currentValue(node, notAbove);
    if (isEmpty(most) || !(number > Number(most))) return true;
    return node._('invalid.not-above', { field: node._(`label.${notAbove}`), max: most });
  };
}

function isEmpty(value: unknown): boolean {
  return value === '' || value === undefined || value === null;
}
