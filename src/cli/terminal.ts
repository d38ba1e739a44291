import { once } from 'node:events';
import type { WriteStream } from 'node:tty';

/** Thrown by `print` once the reader of the output is gone, for example after `| head`. */
export class OutputClosed extends Error {
  override name = 'OutputClosed';
}

/** What a pipe, a socket and a pipe on Windows say. */
const readerGone: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET', 'EOF']);

type Output = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

const styles = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;
export type Style = keyof typeof styles;

/**
 * Where a command's results go (`print`, standard output) and where it tells what it is doing (`note` and
 * `status`, standard error), so that results can be piped while progress stays visible.
 */
export class Terminal {
  /** Whether a person watches: then one line may be redrawn in place. */
  readonly interactive: boolean;
  private readonly output: Output;
  private readonly messages: Output;
  private readonly colours: boolean;
  private readonly closed = new AbortController();
  private drawn = false;

  constructor(
    output: Output = process.stdout,
    messages: Output = process.stderr,
    environment: NodeJS.ProcessEnv = process.env,
  ) {
    this.output = output;
    this.messages = messages;
    const plain = (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb';
    this.colours = !plain && output.isTTY === true && messages.isTTY === true;
    this.interactive = messages.isTTY === true && environment.TERM !== 'dumb';
    output.on('error', (error: NodeJS.ErrnoException) =>
      this.closed.abort(readerGone.has(error.code) ? new OutputClosed('the output was closed') : error),
    );
    // Nothing can be told to a person whose terminal is gone, and that must not end the work.
    messages.on('error', () => {});
  }

  /** Aborted when the reader of the results is gone, or they cannot be written. */
  get outputClosed(): AbortSignal {
    return this.closed.signal;
  }

  /** Why results could not be written, where their reader is not gone: a full disk. */
  get failure(): unknown {
    const { reason } = this.closed.signal;
    return reason instanceof OutputClosed ? undefined : reason;
  }

  get width(): number {
    return Math.max(20, this.messages.columns ?? 80);
  }

  /** Writes one line of results and waits while the reader is slower than we are. */
  async print(line: string): Promise<void> {
    await this.write(`${line}\n`);
  }

  /** Writes a piece of results as it is. */
  async write(text: string): Promise<void> {
    this.closed.signal.throwIfAborted();
    this.clearStatus();
    if (this.output.write(text)) return;
    try {
      await once(this.output, 'drain', { signal: this.closed.signal });
    } catch (error) {
      this.closed.signal.throwIfAborted();
      throw error;
    }
  }

  /** Tells the person something, beside the results. */
  note(line: string): void {
    this.clearStatus();
    this.messages.write(`${line}\n`);
  }

  /** Redraws the line at the bottom; does nothing when no person watches. */
  status(line: string): void {
    if (!this.interactive) return;
    // Of a line that wraps only the last row could be cleared.
    this.messages.write(`\r\u001b[2K${line.slice(0, this.width - 1)}`);
    this.drawn = true;
  }

  clearStatus(): void {
    if (!this.drawn) return;
    this.messages.write('\r\u001b[2K');
    this.drawn = false;
  }

  style(style: Style, text: string): string {
    if (!this.colours) return text;
    const [start, end] = styles[style];
    return `\u001b[${start}m${text}\u001b[${end}m`;
  }

  /** Resolves once everything written has left this process. */
  async flush(): Promise<void> {
    this.clearStatus();
    await Promise.all(
      [this.output, this.messages].map(
        (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
      ),
    );
  }
}

/** A name from outside as it may be shown: control characters could move the cursor or recolour the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is being replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
