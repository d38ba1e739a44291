import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { CheckedOptions } from './checked-options.ts';
import { saveColumns } from './column-cache.ts';
import type { FeatureVectorDatabase } from './feature-vector-database.ts';
import { GraphBuild } from './graph-builder.ts';
import { type GraphOwner, isGraphFile } from './graph-file.ts';
import type { StorageHealthEvent } from './health-event.ts';
import { memoryFiles } from './memory-path.ts';
import type { PatternRepository } from './pattern-repository.ts';
import type { PatternWriter } from './pattern-writer.ts';
import { scanBelow } from './scan-threshold.ts';
import type { SearchOpenReply } from './search-request.ts';
import type { SimilarityIndex } from './similarity-index.ts';

/** Transactions that the change log keeps for readers beyond what the caches need. */
const logForReaders = 1_000;
/** A burst of writes has the processors for itself until it pauses so long, or for so long. */
const pauseMilliseconds = 200;
const burstMilliseconds = 5_000;

interface Kept {
  folder: string;
  owner: GraphOwner;
  database: FeatureVectorDatabase;
  repository: PatternRepository;
  index: SimilarityIndex;
  writer: PatternWriter;
  report: (event: StorageHealthEvent) => void;
}

/** Keeps the caches, graph and columns, close to the truth in the process that writes. */
export class CacheKeeper {
  readonly #kept: Kept;
  readonly #options: CheckedOptions;
  readonly #timer: NodeJS.Timeout;
  /** Patterns changed since each cache was made. */
  #changedForGraph = 0;
  #changedForColumns: number;
  /** Transactions that the caches on disk show. */
  #graphSequence: number | undefined;
  #columnsSequence: number;
  #graphCount = 0;
  #build: GraphBuild | undefined;
  #buildDueSince: number | undefined;
  #pause: NodeJS.Timeout | undefined;
  #building: Promise<void> = Promise.resolve();
  #savingColumns: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(kept: Kept, options: CheckedOptions, columnsSequence: number | undefined) {
    this.#kept = kept;
    this.#options = options;
    this.#columnsSequence = columnsSequence ?? 0;
    this.#changedForColumns = columnsSequence === undefined ? kept.repository.columns.count : 0;
    this.#timer = setInterval(() => this.#saveNowAndThen(), options.saveEvery.milliseconds).unref();
  }

  /** With what the search thread found on disk. */
  start(opened: SearchOpenReply): void {
    this.#graphSequence = opened.sidecar?.sequence;
    this.#graphCount = opened.sidecar?.count ?? 0;
    this.#changedForGraph = opened.recent ?? 0;
    if (this.#needsGraph() && opened.refused !== undefined) {
      const message = `The saved graph ${opened.refused} and is being built again; searches are exact meanwhile.`;
      this.#kept.report({ kind: 'cache-rebuild', message });
    }
    if (this.#needsGraph() && this.#graphSequence === undefined) this.#buildGraph();
    else this.#catchUp();
  }

  noteChanges(count: number): void {
    this.#changedForGraph += count;
    this.#changedForColumns += count;
    this.#catchUp();
  }

  /** Resolves when graph and columns on disk show all that is stored now. */
  async flush(): Promise<void> {
    const { sequence } = this.#kept.repository;
    while (this.#needsGraph() && (this.#graphSequence ?? -1) < sequence) {
      const before = this.#graphSequence;
      await this.#building;
      if ((this.#graphSequence ?? -1) < sequence) this.#buildGraph();
      await this.#building;
      // A failure was reported; trying again at once would not help.
      if (this.#graphSequence === before) break;
    }
    await this.#saveColumns();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#pause);
    this.#build?.cancel();
    await this.#building;
    if (this.#changedForColumns > 0) await this.#saveColumns();
    await this.#savingColumns;
    if (!this.#options.persistIndexOnDisk) await removeCaches(this.#kept.folder);
  }

  #needsGraph(): boolean {
    return this.#kept.repository.columns.count >= scanBelow;
  }

  #catchUp(): void {
    const due = Math.max(this.#options.saveEvery.changes, this.#graphCount / 20);
    if (this.#needsGraph() && (this.#graphSequence === undefined || this.#changedForGraph >= due))
      this.#buildAtPause();
    if (this.#changedForColumns >= due) this.#saveColumns();
  }

  #saveNowAndThen(): void {
    if (this.#changedForColumns > 0) this.#saveColumns();
    const worthIt = this.#changedForGraph >= Math.max(1_000, this.#graphCount / 100);
    if (this.#needsGraph() && worthIt) this.#buildGraph();
  }

  #buildAtPause(): void {
    clearTimeout(this.#pause);
    this.#buildDueSince ??= performance.now();
    const left = this.#buildDueSince + burstMilliseconds - performance.now();
    this.#pause = setTimeout(() => this.#buildGraph(), Math.min(left, pauseMilliseconds)).unref();
  }

  #buildGraph(): void {
    clearTimeout(this.#pause);
    this.#buildDueSince = undefined;
    if (this.#build !== undefined || this.#closed) return;
    const { folder, owner, index, report } = this.#kept;
    this.#changedForGraph = 0;
    const build = new GraphBuild(folder, owner);
    this.#build = build;
    this.#building = build.done
      .then(async (sidecar) => {
        await index.useGraph(sidecar);
        this.#graphSequence = sidecar.sequence;
        this.#graphCount = sidecar.count;
        report({
          kind: 'cache-ready',
          message: `The graph knows ${sidecar.count} patterns.`,
          count: sidecar.count,
        });
        await this.#forget();
      })
      .catch((error: Error & { code?: string }) => {
        if (error.code === 'CANCELLED' || error.code === 'CLOSED') return;
        report({ kind: 'cache-save-failed', message: `The graph could not be saved: ${error.message}` });
      })
      .finally(() => {
        this.#build = undefined;
        if (this.#graphSequence !== undefined && !this.#closed) this.#catchUp();
      });
  }

  /** Where they are not kept there is only the change log to be shortened. */
  #saveColumns(): Promise<void> {
    const saved = this.#savingColumns.then(async () => {
      const { folder, owner, repository, report } = this.#kept;
      const { sequence } = repository;
      if (sequence === this.#columnsSequence) return;
      this.#changedForColumns = 0;
      try {
        if (this.#options.persistIndexOnDisk)
          await saveColumns(folder, repository.columns, { memory: owner.memory, sequence });
        this.#columnsSequence = sequence;
        await this.#forget();
      } catch (error) {
        report({
          kind: 'cache-save-failed',
          message: `The columns could not be saved: ${(error as Error).message}`,
        });
      }
    });
    this.#savingColumns = saved;
    return saved;
  }

  /** Shortens the change log to what the caches and readers may still need. */
  async #forget(): Promise<void> {
    const { database, writer, repository } = this.#kept;
    const graph = this.#needsGraph() ? (this.#graphSequence ?? 0) : repository.sequence;
    const before = Math.min(this.#columnsSequence, graph) - logForReaders;
    database.refresh();
    for (let { logStart } = database.state(); logStart < before && !this.#closed; ) {
      await writer.forget(before);
      database.refresh();
      const next = database.state().logStart;
      if (next === logStart) return;
      logStart = next;
    }
  }
}

/**
 * Removes the caches that were refused. One that is newer than the memory, where a backup was put in its place, would
 * be believed once the memory has come to the same transaction by another way.
 */
export async function removeRefused(
  folder: string,
  refused: { graph: boolean; columns: boolean },
): Promise<void> {
  const names = [
    ...(refused.graph ? [memoryFiles.graphSidecar] : []),
    ...(refused.columns ? [memoryFiles.columns] : []),
  ];
  for (const name of names) await rm(path.join(folder, name), { force: true }).catch(() => undefined);
}

/** Removes graph and columns, also what a killed process left half-written. */
export async function removeCaches(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const isCache =
      isGraphFile(name.replace(/\.tmp$/, '')) ||
      name === memoryFiles.graphSidecar ||
      name === memoryFiles.columns;
    if (isCache || /^(graph\.json|columns\.cache)\.tmp$/.test(name))
      await rm(path.join(folder, name), { force: true });
  }
}
