interface Range {
  min?: number;
  max?: number;
  /** Whole numbers only. */
  whole?: boolean;
  /** Whether an empty field is right too, because the node then chooses by itself. */
  blank?: boolean;
}

/** Node-RED shows the returned text beside the red triangle; the type declarations know booleans only. */
type Validator = (this: { _(key: string, values?: object): string }, value: string) => boolean;

/** A validator that says which numbers a field takes. */
export function numberBetween(range: Range): Validator {
  const { min = -Infinity, max = Infinity, whole = false, blank = false } = range;
  // Node-RED takes a text for an answer only from a function with two parameters.
  const validate = function (
    this: { _(key: string, values?: object): string },
    value: unknown,
    _options: object,
  ): boolean | string {
    if (value === '' || value === undefined || value === null) return blank || this._('invalid.missing');
    const number = Number(value);
    if (Number.isFinite(number) && number >= min && number <= max && (!whole || Number.isInteger(number))) {
      return true;
    }
    const kind = whole ? 'whole' : 'number';
    if (max === Infinity) return this._(`invalid.${kind}-from`, { min });
    return this._(`invalid.${kind}-between`, { min, max });
  };
  return validate as unknown as Validator;
}
