/**
 * JSON from the other side. `__proto__` keys are dropped: whoever later merges the value into an object would
 * change that object's prototype.
 * @throws SyntaxError (or RangeError on absurd nesting)
 */
export function parsePlainJson(text: string): unknown {
  return JSON.parse(text, (key, value) => (key === '__proto__' ? undefined : value));
}
