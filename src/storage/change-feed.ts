import { Observable, type Subscriber } from 'rxjs';
import type { StoredPattern } from '../pattern.ts';
import type { CheckedQuery } from './checked-query.ts';
import type { PatternChange } from './feature-storage.ts';
import type { PatternRepository } from './pattern-repository.ts';

interface Watcher {
  query: CheckedQuery;
  subscriber: Subscriber<PatternChange>;
}

/** Tells watchers how a change looks through their query. */
export class ChangeFeed {
  readonly #watchers = new Set<Watcher>();
  readonly #repository: PatternRepository;
  /** Called when the first watcher comes and when the last one goes. */
  readonly #onWatched: (watched: boolean) => void;

  constructor(repository: PatternRepository, onWatched: (watched: boolean) => void) {
    this.#repository = repository;
    this.#onWatched = onWatched;
  }

  watch(query: CheckedQuery): Observable<PatternChange> {
    return new Observable((subscriber) => {
      const watcher = { query, subscriber };
      this.#watchers.add(watcher);
      if (this.#watchers.size === 1) this.#onWatched(true);
      return () => {
        this.#watchers.delete(watcher);
        if (this.#watchers.size === 0) this.#onWatched(false);
      };
    });
  }

  /** Runs `apply`, which changes the row of one slot, and tells what became of it. */
  during(slot: number, apply: () => void, read: () => StoredPattern | undefined): void {
    if (this.#watchers.size === 0) {
      apply();
      return;
    }
    const watchers = [...this.#watchers];
    const { columns } = this.#repository;
    const oldId = columns.id(slot);
    const before = watchers.map(({ query }) => this.#repository.matches(query, slot));
    apply();
    const newId = columns.id(slot);
    const after = watchers.map(({ query }) => this.#repository.matches(query, slot));
    const stored = after.includes(true) ? read() : undefined;
    watchers.forEach(({ subscriber }, i) => {
      const gone = before[i] && oldId !== undefined && (oldId !== newId || !after[i]);
      if (gone) subscriber.next({ kind: 'deleted', id: oldId });
      if (!after[i] || newId === undefined || stored === undefined) return;
      subscriber.next({ kind: before[i] && oldId === newId ? 'updated' : 'stored', id: newId, stored });
    });
  }

  complete(): void {
    for (const { subscriber } of [...this.#watchers]) subscriber.complete();
  }
}
