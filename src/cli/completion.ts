import { type Command, defineCommand, type Option } from './command.ts';
import { commandList } from './command-list.ts';
import { exitStatus } from './exit-status.ts';
import { UsageError } from './usage-error.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

export const completion = defineCommand({
  name: 'completion',
  about:
    'Prints a script that completes commands, options and their values in your shell. Load it from the shell’s own start file.',
  operands: { name: 'SHELL', min: 1, max: 1, completes: shells },
  options: {},
  examples: [
    { line: 'source <(earmark completion bash)', says: 'In ~/.bashrc.' },
    { line: 'source <(earmark completion zsh)', says: 'In ~/.zshrc, after compinit.' },
    { line: 'earmark completion fish > ~/.config/fish/completions/earmark.fish', says: 'Once.' },
  ],
  async run({ operands, terminal }) {
    const shell = shells.find((name) => name === operands[0]);
    if (shell === undefined) {
      throw new UsageError(`SHELL must be one of ${shells.join(', ')}, not "${operands[0]}"`);
    }
    const commands = await Promise.all(commandList.map(({ load }) => load()));
    await terminal.write({ bash, zsh, fish }[shell](commands));
    return exitStatus.ok;
  },
});

function bash(commands: readonly Command[]): string {
  const values = commands.flatMap((command) =>
    Object.entries(command.options).flatMap(([name, option]) =>
      option.kind === 'text' && option.choices !== undefined
        ? [`    ${command.name}:--${name}) words="${option.choices.join(' ')}" ;;`]
        : option.kind === 'flag'
          ? []
          : [`    ${command.name}:--${name}) return ;;`],
    ),
  );
  const perCommand = commands.map((command) => {
    const operands = command.operands?.completes;
    return `    ${command.name}:-*) words="${optionNames(command).join(' ')}" ;;${
      Array.isArray(operands) ? `\n    ${command.name}:*) words="${operands.join(' ')}" ;;` : ''
    }`;
  });
  // With no words of its own the function leaves the completion to readline's file names.
  return `_earmark() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${[...commands.map(({ name }) => name), '--help', '--version'].join(' ')}"
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}:$previous" in
${values.join('\n')}
  esac
  [ -n "$words" ] || case "\${COMP_WORDS[1]}:$current" in
${perCommand.join('\n')}
  esac
  [ -z "$words" ] || COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _earmark earmark
`;
}

function zsh(commands: readonly Command[]): string {
  const listed = commandList.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`);
  const cases = commands.map((command) => {
    const specs = Object.entries(command.options).map(([name, option]) => {
      const text = firstSentence(option).replace(/[[\]:\\]/g, '\\$&');
      const value = option.kind === 'flag' ? '' : `:${option.placeholder}:${zshValue(option)}`;
      return quote(
        `${option.kind === 'list' ? '*' : ''}--${name}${value === '' ? '' : '='}[${text}]${value}`,
      );
    });
    const { operands } = command;
    const completes = operands?.completes;
    if (operands !== undefined) {
      const values = Array.isArray(completes)
        ? `(${completes.join(' ')})`
        : completes === 'folder'
          ? '_files -/'
          : '_files';
      specs.push(quote(`*:${operands.name}:${values}`));
    }
    return `    ${command.name}) _arguments ${[...specs, quote('--help[Explain the command]')].join(' ')} ;;`;
  });
  return `#compdef earmark
_earmark() {
  local -a commands
  commands=(
${listed.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case "$words[1]" in
${cases.join('\n')}
  esac
}
if [ "\${funcstack[1]}" = "_earmark" ]; then _earmark "$@"; else compdef _earmark earmark; fi
`;
}

function zshValue(option: Option): string {
  if (option.kind !== 'text') return ' ';
  if (option.choices !== undefined) return `(${option.choices.join(' ')})`;
  return option.completes === undefined ? ' ' : option.completes === 'folder' ? '_files -/' : '_files';
}

function fish(commands: readonly Command[]): string {
  const lines = ['complete -c earmark -f', 'complete -c earmark -n __fish_use_subcommand -l help -l version'];
  for (const { name, summary } of commandList) {
    lines.push(`complete -c earmark -n __fish_use_subcommand -a ${name} -d ${fishQuote(summary)}`);
  }
  for (const command of commands) {
    const seen = `complete -c earmark -n '__fish_seen_subcommand_from ${command.name}'`;
    for (const [name, option] of Object.entries(command.options)) {
      lines.push(`${seen} -l ${name}${fishValue(option)} -d ${fishQuote(firstSentence(option))}`);
    }
    const completes = command.operands?.completes;
    if (Array.isArray(completes)) lines.push(`${seen} -a ${fishQuote(completes.join(' '))}`);
    else if (completes !== undefined) lines.push(`${seen} -F`);
  }
  return `${lines.join('\n')}\n`;
}

function fishValue(option: Option): string {
  if (option.kind === 'flag') return '';
  if (option.kind !== 'text') return ' -x';
  if (option.choices !== undefined) return ` -x -a ${fishQuote(option.choices.join(' '))}`;
  if (option.completes === 'folder') return " -x -a '(__fish_complete_directories)'";
  return option.completes === 'file' ? ' -rF' : ' -x';
}

function optionNames(command: Command): string[] {
  return [...Object.keys(command.options), 'help'].map((name) => `--${name}`);
}

function firstSentence({ description }: Option): string {
  return description.split(/[.:;](?:\s|$)/, 1)[0] as string;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function fishQuote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
