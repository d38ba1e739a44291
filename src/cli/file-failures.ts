import { AudioError } from '../audio/index.ts';
import { BridgeError, type BridgeErrorCode } from '../bridge/index.ts';
import { printable, type Terminal } from './terminal.ts';
import { count } from './units.ts';

export interface FileFailure {
  file: string;
  code: string;
  message: string;
}

const shown = 20;

/** What the bridge says of a piece of audio and not of itself. */
const aboutTheAudio: ReadonlySet<BridgeErrorCode> = new Set([
  'MODEL_FAILED',
  'TOO_LARGE',
  'TOO_SHORT',
  'BAD_REQUEST',
]);

/**
 * What one file did wrong, so that the others can go on. What would happen to every other file too (no
 * bridge, no memory, no room) is thrown on.
 */
export function fileFailure(file: string, error: unknown): FileFailure {
  const itsOwn =
    (error instanceof AudioError && error.code !== 'CANCELLED') ||
    (error instanceof BridgeError && aboutTheAudio.has(error.code));
  if (itsOwn) {
    // The list names the file already.
    const named = `${file}: `;
    const message = error.message.startsWith(named) ? error.message.slice(named.length) : error.message;
    return { file, code: error.code, message };
  }
  if (error instanceof Error && 'syscall' in error && 'code' in error) {
    return { file, code: String(error.code), message: error.message };
  }
  throw error;
}

/** Tells which files failed and why. */
export function reportFailures(terminal: Terminal, failures: readonly FileFailure[]): void {
  if (failures.length === 0) return;
  terminal.note(terminal.style('red', `${count(failures.length, 'file')} failed:`));
  for (const { file, message } of failures.slice(0, shown))
    terminal.note(`  ${printable(file)}: ${printable(message)}`);
  if (failures.length > shown) terminal.note(`  … and ${failures.length - shown} more; --json lists all.`);
}
