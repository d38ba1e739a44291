const longestLine = 2000;

/** The last lines of a log, in bounded memory. */
export class LogTail {
  readonly #lines: string[] = [];
  readonly #maximum: number;
  readonly #onLine: ((line: string) => void) | undefined;
  #unfinished = '';

  constructor(maximum: number, onLine?: (line: string) => void) {
    this.#maximum = maximum;
    this.#onLine = onLine;
  }

  /** The lines, oldest first. */
  get lines(): readonly string[] {
    return this.#unfinished === '' ? [...this.#lines] : [...this.#lines, this.#unfinished];
  }

  append(text: string): void {
    const lines = (this.#unfinished + text).split(/\r?\n/);
    this.#unfinished = lines.pop()!.slice(-longestLine);
    for (const line of lines) {
      const kept = line.slice(0, longestLine);
      this.#lines.push(kept);
      if (this.#lines.length > this.#maximum) this.#lines.shift();
      this.#onLine?.(kept);
    }
  }

  /** The last `count` lines that say something, for an error message. */
  excerpt(count: number): string {
    return this.lines
      .filter((line) => line.trim() !== '')
      .slice(-count)
      .join('\n');
  }
}
