import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createFeatureStorage, type FeatureStorage, type NewStoredPattern } from '../../src/storage/index.ts';
import { type BenchData, type Filter, id, types, vectorOf } from './bench-data.ts';
import type { Contender } from './contender.ts';

/** The storage under test. */
export class EarmarkContender implements Contender {
  readonly name = 'earmark';
  #storage!: FeatureStorage;
  /** Plans of the last filtered searches, by kind. */
  readonly plans = new Map<string, number>();

  open(folder: string): Promise<void> {
    return this.#open(folder);
  }

  async #open(folder: string, onGraphReady?: () => void): Promise<void> {
    this.#storage = createFeatureStorage({
      indexPath: folder,
      maxQueryResults: 100,
      onHealthEvent: ({ kind }) => {
        if (kind === 'cache-ready') onGraphReady?.();
      },
    });
    await this.#storage.initialize();
  }

  async ingest(data: BenchData, from: number, to: number): Promise<void> {
    const batch: NewStoredPattern[] = [];
    for (let row = from; row < to; row++) {
      batch.push(patternOf(data, row));
      // Making the patterns is the benchmark's own work and must not count as a stall.
      if (row % 200 === 0) await new Promise(setImmediate);
    }
    await this.#storage.storePatterns(batch);
  }

  settle(): Promise<void> {
    return this.#storage.flush();
  }

  async put(data: BenchData, row: number): Promise<void> {
    const { pattern, metadata } = patternOf(data, row);
    await this.#storage.storePattern(pattern, metadata);
  }

  async similar(query: Float32Array, count: number): Promise<string[]> {
    const found = await this.#storage.findSimilarPatterns(query, { maxResults: count });
    return found.map(({ pattern }) => pattern.id);
  }

  async filtered(query: Float32Array, count: number, filter: Filter): Promise<string[]> {
    const where = filter.correlated
      ? { tags: [tagOf(filter)] }
      : { confidenceThreshold: Math.fround(1 - filter.selectivity) };
    const found = await this.#storage.findSimilarPatterns(query, { maxResults: count, where, explain: true });
    const kind = found.plan!.kind;
    this.plans.set(kind, (this.plans.get(kind) ?? 0) + 1);
    return found.map(({ pattern }) => pattern.id);
  }

  async criteria(type: string): Promise<unknown[]> {
    return this.#storage.queryPatterns({ type, limit: 100 });
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  reopen(folder: string): Promise<void> {
    return this.open(folder);
  }

  async rebuild(folder: string): Promise<void> {
    for (const name of readdirSync(folder)) if (name.startsWith('graph')) rmSync(path.join(folder, name));
    const ready = Promise.withResolvers<void>();
    await this.#open(folder, ready.resolve);
    // Few patterns have no graph.
    if ((await this.#storage.stats()).graph.state !== 'none') await ready.promise;
  }
}

function patternOf(data: BenchData, row: number): NewStoredPattern {
  const tags = data.filters.filter(({ correlated, passes }) => correlated && passes[row] === 1).map(tagOf);
  return {
    pattern: {
      id: id(row),
      startTime: row,
      endTime: row + 1,
      frequencyRange: { low: 100, high: 8000 },
      confidence: data.confidence[row]!,
      type: types[data.type[row]!]!,
      features: vectorOf(data, row),
    },
    metadata: { sourceId: `microphone-${row % 50}`, createdAt: data.created[row]!, tags },
  };
}

function tagOf(filter: Filter): string {
  return `share-${filter.selectivity}`;
}
