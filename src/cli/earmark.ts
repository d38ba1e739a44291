#!/usr/bin/env node
import { EarmarkError } from '../errors.ts';
import { closest, parseCommandLine } from './command.ts';
import { CommandFailure } from './command-failure.ts';
import { commandList } from './command-list.ts';
import { type ExitStatus, exitStatus } from './exit-status.ts';
import { commandHelp, generalHelp } from './help.ts';
import { nodeTooOld } from './node-version.ts';
import { packageVersion } from './package-folder.ts';
import { printable, Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const ended: Partial<Record<NodeJS.Signals, ExitStatus>> = {
  SIGINT: exitStatus.interrupted,
  SIGTERM: exitStatus.terminated,
  SIGHUP: exitStatus.terminated,
};

const terminal = new Terminal();
const interrupt = new AbortController();
let endedBy: NodeJS.Signals | undefined;
for (const signal of Object.keys(ended) as NodeJS.Signals[]) {
  process.on(signal, () => {
    // The first asks the command to finish cleanly; whoever asks twice wants out now.
    if (endedBy !== undefined) process.exit(ended[signal]);
    endedBy = signal;
    interrupt.abort(new DOMException('interrupted', 'AbortError'));
  });
}

const [name, ...rest] = process.argv.slice(2);
let status = await run(name, rest);
await terminal.flush();
if (status === exitStatus.ok && terminal.failure !== undefined) status = explain(terminal.failure, name);
process.exit(status);

async function run(name: string | undefined, args: string[]): Promise<ExitStatus> {
  const signal = AbortSignal.any([interrupt.signal, terminal.outputClosed]);
  try {
    if (name === '--version' || name === '-v') {
      await terminal.print(packageVersion());
      return exitStatus.ok;
    }
    if (name === '--help' || name === '-h' || (name === 'help' && args.length === 0)) {
      await terminal.print(generalHelp());
      return exitStatus.ok;
    }
    if (name === undefined) {
      terminal.note(generalHelp());
      return exitStatus.usage;
    }
    if (name === 'help') return await run(args[0], ['--help']);
    const listed = commandList.find((entry) => entry.name === name);
    if (listed === undefined) {
      const guess = closest(
        name,
        commandList.map((entry) => entry.name),
      );
      const hint = guess === undefined ? 'See: earmark --help' : `Did you mean: earmark ${guess}`;
      throw new UsageError(`there is no command "${name}". ${hint}`);
    }
    // Said before an older Node fails at what it does not have.
    const tooOld = nodeTooOld();
    if (tooOld !== undefined) throw new CommandFailure(tooOld);
    const command = await listed.load();
    const parsed = parseCommandLine(command, args);
    if (parsed === 'help') {
      await terminal.print(commandHelp(command));
      return exitStatus.ok;
    }
    return await command.run({ ...parsed, terminal, signal });
  } catch (error) {
    // Where closing failed too, what came first is what matters.
    const isSuppressed = error instanceof Error && error.name === 'SuppressedError';
    return explain(isSuppressed ? (error as SuppressedError).suppressed : error, name);
  }
}

/** What went wrong and what to do about it, in a line; the exit status says the rest. */
function explain(thrown: unknown, name: string | undefined): ExitStatus {
  // A command that was stopped because its results could not be written says no more than that it was stopped.
  const error = terminal.failure ?? thrown;
  if (endedBy !== undefined) return ended[endedBy] ?? exitStatus.no;
  // `earmark query | head` has got what it wanted; `earmark export > FILE` on a full disk has not.
  if (terminal.outputClosed.aborted && terminal.failure === undefined) return exitStatus.ok;
  const known = commandList.some((entry) => entry.name === name);
  const who = known ? `earmark ${name}` : 'earmark';
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) {
    terminal.note(`${who}: ${message.replace(/\.+$/, '')}${known ? `. See: earmark ${name} --help` : ''}`);
    return exitStatus.usage;
  }
  // Lines after the first are what another program said before it ended.
  const [first, ...said] = message.trimEnd().split('\n');
  terminal.note(`${who}: ${terminal.style('red', printable(first!))}`);
  for (const line of said) terminal.note(`    ${line}`);
  const expected =
    error instanceof EarmarkError ||
    error instanceof CommandFailure ||
    (error instanceof Error && 'syscall' in error);
  if (!expected && error instanceof Error) {
    terminal.note(
      process.env.EARMARK_DEBUG
        ? (error.stack ?? '')
        : 'This is a fault in Earmark. Run the command again with EARMARK_DEBUG=1 and report what it prints.',
    );
  }
  return exitStatus.no;
}
