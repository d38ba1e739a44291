import { parseArgs } from 'node:util';
import type { ExitStatus } from './exit-status.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

interface OptionBase {
  description: string;
  /** One letter. */
  short?: string;
}

interface FlagOption extends OptionBase {
  kind: 'flag';
}

interface TextOption extends OptionBase {
  kind: 'text';
  placeholder: string;
  choices?: readonly string[];
  default?: string;
  /** Default: no limit. */
  maxBytes?: number;
  /** What a shell completes the value with. */
  completes?: 'file' | 'folder';
}

interface ListOption extends OptionBase {
  kind: 'list';
  placeholder: string;
  /** Of each value. */
  maxBytes: number;
}

/** `integer` takes whole numbers only; `min` and `max` are inclusive. */
interface NumberOption extends OptionBase {
  kind: 'number' | 'integer';
  placeholder: string;
  min: number;
  max?: number;
  default?: number;
}

export type Option = FlagOption | TextOption | ListOption | NumberOption;
export type Options = Record<string, Option>;

type Given<O, Value> = O extends { default: Value } ? Value : Value | undefined;
type OptionValue<O> = O extends { kind: 'flag' }
  ? boolean
  : O extends { kind: 'list' }
    ? string[]
    : O extends { kind: 'number' | 'integer' }
      ? Given<O, number>
      : O extends { choices: readonly (infer Choice extends string)[] }
        ? O extends { default: string }
          ? Choice
          : Choice | undefined
        : Given<O, string>;

export type OptionValues<O extends Options> = { [Name in keyof O]: OptionValue<O[Name]> };

/** What stands on the command line beside the options. */
export interface Operands {
  name: string;
  min: number;
  /** Default: no limit. */
  max?: number;
  completes?: 'file' | 'folder' | readonly string[];
}

export interface Invocation<O extends Options> {
  operands: string[];
  options: OptionValues<O>;
  terminal: Terminal;
  /** Aborted by Ctrl+C, SIGTERM, and when the reader of the output is gone. */
  signal: AbortSignal;
}

export interface Command<O extends Options = Options> {
  name: string;
  /** What it does, in a paragraph. */
  about: string;
  operands?: Operands;
  options: O;
  examples: readonly { line: string; says: string }[];
  /** What the exit statuses mean for this command, where `0` and `1` say more than done and failed. */
  exits?: readonly string[];
  run(invocation: Invocation<O>): Promise<ExitStatus>;
}

/** Lets the compiler infer each option's type from its description. */
export function defineCommand<const O extends Options>(command: Command<O>): Command {
  return command as unknown as Command;
}

const help = { type: 'boolean', short: 'h' } as const;

/**
 * Reads a command's arguments. Returns `help` when the user asked for it, whatever else is there.
 *
 * @throws {UsageError} an unknown option, a value out of range, too few or too many operands.
 */
export function parseCommandLine(
  command: Command,
  args: string[],
): 'help' | { operands: string[]; options: OptionValues<Options> } {
  const { values, positionals, tokens } = parseLoosely(command, args);
  // The `h` of a file called -hum.wav asks for nothing.
  if (tokens.some((token) => token.kind === 'option' && /^(-h|--help)$/.test(args[token.index]!)))
    return 'help';
  for (const token of tokens) {
    if (token.kind !== 'option' || token.name === 'help') continue;
    const option = Object.hasOwn(command.options, token.name) ? command.options[token.name] : undefined;
    if (option === undefined) throw unknownOption(command, token.rawName, token.name);
    if (option.kind === 'flag') {
      if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${option.placeholder}`);
    }
  }
  const options: OptionValues<Options> = {};
  for (const [name, option] of Object.entries(command.options)) {
    options[name] = readOption(name, option, values[name]);
  }
  checkOperands(command, positionals);
  return { operands: positionals, options };
}

/** The strict mode of `parseArgs` words its errors for programmers, so its findings are judged above. */
function parseLoosely(command: Command, args: string[]) {
  return parseArgs({
    args,
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      help,
      ...Object.fromEntries(
        Object.entries(command.options).map(([name, option]) => [
          name,
          {
            type: option.kind === 'flag' ? ('boolean' as const) : ('string' as const),
            multiple: option.kind === 'list',
            ...(option.short === undefined ? {} : { short: option.short }),
          },
        ]),
      ),
    },
  });
}

function unknownOption(command: Command, rawName: string, name: string): UsageError {
  const guess = closest(name, [...Object.keys(command.options), 'help']);
  return new UsageError(
    `there is no option ${rawName}${guess === undefined ? '' : `; did you mean --${guess}?`}`,
  );
}

function readOption(
  name: string,
  option: Option,
  given: unknown,
): string | number | boolean | string[] | undefined {
  switch (option.kind) {
    case 'flag':
      return given === true;
    case 'list': {
      const texts = (given ?? []) as string[];
      for (const text of texts) checkText(`--${name}`, option, text);
      return texts;
    }
    case 'text': {
      const text = (given as string | undefined) ?? option.default;
      if (text !== undefined) checkText(`--${name}`, option, text);
      if (text !== undefined && option.choices !== undefined && !option.choices.includes(text)) {
        throw new UsageError(`--${name} must be one of ${option.choices.join(', ')}, not "${text}"`);
      }
      return text;
    }
    case 'number':
    case 'integer':
      return given === undefined ? option.default : readNumber(`--${name}`, option, given as string);
  }
}

function checkText(name: string, { maxBytes }: TextOption | ListOption, text: string): void {
  if (text === '') throw new UsageError(`${name} must not be empty`);
  if (maxBytes !== undefined && Buffer.byteLength(text) > maxBytes)
    throw new UsageError(`${name} must have at most ${maxBytes} bytes`);
}

function readNumber(name: string, option: NumberOption, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const whole = option.kind === 'integer';
  const inRange = value >= option.min && value <= (option.max ?? Number.POSITIVE_INFINITY);
  if (Number.isFinite(value) && inRange && (!whole || Number.isSafeInteger(value))) return value;
  const range =
    option.max === undefined ? `of at least ${option.min}` : `from ${option.min} to ${option.max}`;
  throw new UsageError(`${name} must be a ${whole ? 'whole ' : ''}number ${range}, not "${text}"`);
}

function checkOperands(command: Command, given: string[]): void {
  const { operands } = command;
  if (operands === undefined) {
    if (given.length > 0) throw new UsageError(`takes no arguments, but got "${given[0]}"`);
    return;
  }
  if (given.length < operands.min) throw new UsageError(`${operands.name} is missing`);
  const most = operands.max ?? Number.POSITIVE_INFINITY;
  if (given.length > most) {
    throw new UsageError(
      `takes ${most === 1 ? `one ${operands.name}` : `at most ${most}`}, but got ${given.length}`,
    );
  }
  if (given.includes('')) throw new UsageError(`${operands.name} must not be empty`);
}

/** The candidate that is a typing slip away, if one is near enough to be meant. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.floor(word.length / 2) + 1);
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
