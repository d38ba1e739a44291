import { applies, currentValue, type Validator, validator } from './validator.ts';

interface Range {
  min?: number;
  max?: number;
  /** Whole numbers only. */
  whole?: boolean;
  /** Whether an empty field is right too, because the node then chooses by itself. */
  blank?: boolean;
  /** Another field, whose number this one must not exceed. */
  notAbove?: string;
  /** Where the field has a meaning, as in its row's `data-when`; elsewhere anything is right. */
  when?: string;
}

/** A validator that says which numbers a field takes. */
export function numberBetween(range: Range): Validator {
  const { min = -Infinity, max = Infinity, whole = false, blank = false, notAbove, when } = range;
  return validator((value, node) => {
    if (!applies(when, (name) => currentValue(node, name))) return true;
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
  });
}

function isEmpty(value: unknown): boolean {
  return value === '' || value === undefined || value === null;
}
