import type { Command, Option } from './command.ts';
import { commandList } from './command-list.ts';

const wrapAt = 92;

/** What `earmark --help` prints. */
export function generalHelp(): string {
  const width = Math.max(...commandList.map(({ name }) => name.length));
  return [
    'Usage: earmark COMMAND [options]',
    '',
    'A sound memory: teach it a sound once, and it tells you when it hears it again.',
    '',
    'Commands:',
    ...commandList.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'earmark COMMAND --help explains a command with examples; earmark --version prints the version.',
    '',
    'Environment:',
    '  EARMARK_MEMORY         folder of the memory (default ~/.earmark/memory)',
    '  EARMARK_BRIDGE_URL     address of a running bridge; without it a command starts its own',
    '  EARMARK_TOKEN          token of that bridge',
    '  EARMARK_PYTHON         Python 3.10 or newer from which the bridge’s environment is made, on first use',
    '  EARMARK_BRIDGE_PYTHON  Python that has the bridge’s packages already: nothing is installed',
    '  NO_COLOR               no colours',
  ].join('\n');
}

/** What `earmark COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  const options = Object.entries(command.options);
  const rows: [string, string][] = [
    ...options.map(([name, option]): [string, string] => [optionUsage(name, option), describeOption(option)]),
    ['-h, --help', 'This text.'],
  ];
  const width = Math.max(...rows.map(([usage]) => usage.length));
  return [
    `Usage: earmark ${command.name}${usageOfOperands(command)} [options]`,
    '',
    ...wrap(command.about, wrapAt),
    '',
    'Options:',
    ...rows.flatMap(([usage, text]) =>
      wrap(text, wrapAt - width - 4).map(
        (line, index) => `  ${(index === 0 ? usage : '').padEnd(width)}  ${line}`,
      ),
    ),
    '',
    'Examples:',
    ...command.examples.flatMap(({ line, says }) => [
      `  ${line}`,
      ...wrap(says, wrapAt - 6).map((text) => `      ${text}`),
    ]),
    ...(command.exits === undefined ? [] : ['', 'Exit status:', ...command.exits.map((line) => `  ${line}`)]),
  ].join('\n');
}

function usageOfOperands({ operands }: Command): string {
  if (operands === undefined) return '';
  const many = operands.max === undefined || operands.max > 1 ? '…' : '';
  const usage = `${operands.name}${many}`;
  return operands.min === 0 ? ` [${usage}]` : ` ${usage}`;
}

function optionUsage(name: string, option: Option): string {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  return `${short}--${name}${option.kind === 'flag' ? '' : ` ${option.placeholder}`}`;
}

function describeOption(option: Option): string {
  const parts = [option.description];
  if (option.kind === 'text' && option.choices !== undefined)
    parts.push(`One of ${option.choices.join(', ')}.`);
  if (option.kind === 'list') parts.push('May be given several times.');
  if ('default' in option && option.default !== undefined) parts.push(`Default ${option.default}.`);
  return parts.join(' ');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
