/** Strings as small whole numbers, so that a column of them is a typed array. 0 stands for "none". */
export class InternedStrings {
  readonly #codes = new Map<string, number>();
  readonly #strings: (string | undefined)[] = [undefined];
  readonly #uses: number[] = [0];
  readonly #freed: number[] = [];

  /** Counts one more use of `value` and answers its code. */
  acquire(value: string): number {
    let code = this.#codes.get(value);
    if (code === undefined) {
      code = this.#freed.pop() ?? this.#strings.length;
      this.#codes.set(value, code);
      this.#strings[code] = value;
      this.#uses[code] = 0;
    }
    this.#uses[code]! += 1;
    return code;
  }

  /** Answers whether that was the last use; its code may then stand for another string. */
  release(code: number): boolean {
    this.#uses[code]! -= 1;
    if (this.#uses[code]! > 0) return false;
    const value = this.#strings[code];
    if (value !== undefined) this.#codes.delete(value);
    this.#strings[code] = undefined;
    this.#freed.push(code);
    return true;
  }

  find(value: string): number | undefined {
    return this.#codes.get(value);
  }

  text(code: number): string | undefined {
    return this.#strings[code];
  }

  uses(code: number): number {
    return this.#uses[code] ?? 0;
  }

  /** How often each string is used. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [value, code] of this.#codes) counts.set(value, this.#uses[code]!);
    return counts;
  }

  /** The strings by code, for the column cache. */
  table(): (string | null)[] {
    return this.#strings.map((value) => value ?? null);
  }

  /** Puts a string at its code without a use; `claim` then counts the rows. */
  restore(table: readonly (string | null)[]): void {
    table.forEach((value, code) => {
      if (code === 0 || value === null) return;
      this.#strings[code] = value;
      this.#codes.set(value, code);
      this.#uses[code] = 0;
    });
    for (let code = 1; code < table.length; code++) this.#strings[code] ??= undefined;
  }

  claim(code: number): void {
    this.#uses[code] = (this.#uses[code] ?? 0) + 1;
  }

  /**
   * After restoring: forgets what no row claimed. A claimed code without a string was let go of while the table was
   * saved; its row has changed since, is read again, and releases it then.
   */
  sweep(): void {
    for (let code = 1; code < this.#strings.length; code++) {
      if ((this.#uses[code] ?? 0) > 0) continue;
      const value = this.#strings[code];
      if (value !== undefined) this.#codes.delete(value);
      this.#strings[code] = undefined;
      this.#uses[code] = 0;
      this.#freed.push(code);
    }
  }
}
