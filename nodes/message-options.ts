import { plainObject } from './feature-message.ts';
import type { Message } from './message-worker.ts';
import { NodeError } from './node-error.ts';
import { type NumberRange, optionalNumber } from './number-field.ts';

/**
 * `msg.options`: what the dialog says, otherwise for one message. What is not given, or empty, is undefined; each
 * method throws `BAD_MESSAGE` where the value is wrong.
 */
export class MessageOptions {
  readonly #options: Record<string, unknown>;

  constructor(message: Message) {
    this.#options = plainObject(message.options);
  }

  number(name: string, range: NumberRange = {}): number | undefined {
    return numberWithin(`msg.options.${name}`, this.#given(name), range);
  }

  flag(name: string): boolean | undefined {
    const value = this.#given(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#wrong(name, 'true or false');
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.#given(name);
    if (value === undefined || choices.includes(value as T)) return value as T | undefined;
    throw this.#wrong(name, `one of ${choices.map((choice) => `"${choice}"`).join(', ')}`);
  }

  text(name: string): string | undefined {
    const value = this.#given(name);
    if (value === undefined || typeof value === 'string') return value?.trim();
    throw this.#wrong(name, 'a text');
  }

  /** A list of words, or a text with commas between them. */
  words(name: string): string[] | undefined {
    const value = this.#given(name);
    if (value === undefined) return undefined;
    if (typeof value === 'string') return value.split(',');
    const isWord = (word: unknown) => typeof word === 'string' || typeof word === 'number';
    if (Array.isArray(value) && value.every(isWord)) return value.map(String);
    throw this.#wrong(name, 'a list of texts');
  }

  object(name: string): Record<string, unknown> | undefined {
    const value = this.#given(name);
    if (value === undefined) return undefined;
    if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
    throw this.#wrong(name, 'an object');
  }

  #given(name: string): unknown {
    const value = this.#options[name];
    return value === null || (typeof value === 'string' && value.trim() === '') ? undefined : value;
  }

  #wrong(name: string, expected: string): NodeError {
    return new NodeError('BAD_MESSAGE', `msg.options.${name} must be ${expected}.`);
  }
}

/** A number, or undefined where none is given; `name` says in the error what is wrong. */
export function numberWithin(
  name: string,
  value: unknown,
  { min = -Infinity, max = Infinity, whole = false }: NumberRange,
): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'number' || typeof value === 'string' ? optionalNumber(value) : undefined;
  if (number !== undefined && number >= min && number <= max && (!whole || Number.isInteger(number))) {
    return number;
  }
  const kind = whole ? 'a whole number' : 'a number';
  const range = max === Infinity ? `of ${min} or more` : `of ${min} to ${max}`;
  const expected = min === -Infinity && max === Infinity ? kind : `${kind} ${range}`;
  throw new NodeError('BAD_MESSAGE', `${name} must be ${expected}.`);
}
