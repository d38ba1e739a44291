import { InternedStrings } from './interned-strings.ts';

/**
 * Sets of tags as small whole numbers: patterns of one source mostly carry the same few sets, so a row holds one
 * code and a query looks at the distinct sets only.
 */
export class InternedTags {
  readonly #sets = new InternedStrings();
  readonly #codesOf = new Map<string, Set<number>>();

  acquire(tags: readonly string[]): number {
    if (tags.length === 0) return 0;
    const code = this.#sets.acquire(keyOf(tags));
    this.#index(code, tags);
    return code;
  }

  release(code: number): void {
    if (code === 0) return;
    const tags = this.tags(code);
    if (!this.#sets.release(code)) return;
    for (const tag of tags) {
      const codes = this.#codesOf.get(tag);
      codes?.delete(code);
      if (codes?.size === 0) this.#codesOf.delete(tag);
    }
  }

  tags(code: number): string[] {
    const key = this.#sets.text(code);
    return key === undefined ? [] : (JSON.parse(key) as string[]);
  }

  /** The codes of all sets that contain every one of `tags`. */
  containing(tags: readonly string[]): Set<number> {
    const found = tags.map((tag) => this.#codesOf.get(tag) ?? new Set<number>());
    found.sort((a, b) => a.size - b.size);
    const [smallest, ...others] = found;
    return new Set([...smallest!].filter((code) => others.every((codes) => codes.has(code))));
  }

  /** Whether the set of this code contains every one of `tags`. */
  contains(code: number, tags: readonly string[]): boolean {
    return tags.every((tag) => this.#codesOf.get(tag)?.has(code));
  }

  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [tag, codes] of this.#codesOf) {
      let uses = 0;
      for (const code of codes) uses += this.#sets.uses(code);
      counts.set(tag, uses);
    }
    return counts;
  }

  table(): (string | null)[] {
    return this.#sets.table();
  }

  restore(table: readonly (string | null)[]): void {
    this.#sets.restore(table);
  }

  claim(code: number): void {
    if (code !== 0) this.#sets.claim(code);
  }

  sweep(): void {
    this.#sets.sweep();
    for (const key of this.#sets.counts().keys()) {
      this.#index(this.#sets.find(key)!, JSON.parse(key) as string[]);
    }
  }

  #index(code: number, tags: readonly string[]): void {
    for (const tag of tags) {
      const codes = this.#codesOf.get(tag);
      if (codes === undefined) this.#codesOf.set(tag, new Set([code]));
      else codes.add(code);
    }
  }
}

function keyOf(tags: readonly string[]): string {
  return JSON.stringify([...new Set(tags)].sort());
}
