import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checksum, publishSidecar } from '../../src/storage/graph-file.ts';
import { newGraph } from '../../src/storage/graph-view.ts';
import {
  createFeatureStorage,
  type FeatureStorage,
  type FeatureStorageOptions,
  type NewStoredPattern,
  type StorageHealthEvent,
} from '../../src/storage/index.ts';
import type { GraphSidecar } from '../../src/storage/search-request.ts';
import { ids } from './conformance/subject.ts';
import { temporaryFolder } from './temporary-folder.ts';

const dimensions = 24;
const count = 13_000;
const families = 40;

/** Vectors in families, as sounds are: number 7 is like 47, 87 and so on. */
function vector(number: number): Float32Array {
  const family = number % families;
  return Float32Array.from(
    { length: dimensions },
    (_, i) => Math.sin((family + 1) * (i + 1) * 1.7) + 0.4 * Math.sin(number * (i + 3) * 0.37),
  );
}

function pattern(number: number): NewStoredPattern {
  return {
    pattern: {
      id: `g${number.toString().padStart(6, '0')}`,
      startTime: number,
      endTime: number,
      frequencyRange: { low: 0, high: 1 },
      confidence: (number % 100) / 100,
      type: number % families < 32 ? 'common' : 'rare',
      features: vector(number),
    },
    metadata: { sourceId: 'graph', createdAt: number },
  };
}

async function open(indexPath: string, more: Partial<FeatureStorageOptions> = {}): Promise<FeatureStorage> {
  const storage = createFeatureStorage({ indexPath, dimensions, ...more });
  await storage.initialize();
  onTestFinished(() => storage.close());
  return storage;
}

async function filled(indexPath: string, more: Partial<FeatureStorageOptions> = {}): Promise<FeatureStorage> {
  const storage = await open(indexPath, more);
  await storage.storePatterns(Array.from({ length: count }, (_, number) => pattern(number)));
  await storage.flush();
  return storage;
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < dimensions; i++) sum += a[i]! * b[i]!;
  return sum;
}

const stored = Array.from({ length: count }, (_, number) => {
  const one = vector(number);
  return { number, vector: one, length: Math.sqrt(product(one, one)) };
});

function nearest(query: Float32Array, results: number, passes: (number: number) => boolean): string[] {
  return stored
    .filter(({ number }) => passes(number))
    .map(({ number, vector, length }) => ({ number, value: product(query, vector) / length }))
    .sort((a, b) => b.value - a.value)
    .slice(0, results)
    .map(({ number }) => pattern(number).pattern.id!);
}

const share = (found: string[], wanted: string[]) =>
  found.filter((id) => wanted.includes(id)).length / wanted.length;

describe('the graph', () => {
  it('finds what a scan finds, with and without criteria, at every moment', async () => {
    const indexPath = temporaryFolder();
    const events: StorageHealthEvent['kind'][] = [];
    const storage = await filled(indexPath, { onHealthEvent: ({ kind }) => events.push(kind) });
    expect(events).toContain('cache-ready');
    expect((await storage.stats()).graph).toEqual({ state: 'ready', patterns: count, recent: 0 });

    const filters: [PatternQueryOf, (number: number) => boolean, string[]][] = [
      [undefined, () => true, ['graph']],
      // Most patterns, and exactly those that are not alike to a query of a rare family.
      [{ type: 'common' }, (number) => number % families < 32, ['filtered-graph', 'scan']],
      [{ confidenceThreshold: 0.5 }, (number) => number % 100 >= 50, ['filtered-graph', 'scan']],
      [
        { type: 'rare', confidenceThreshold: 0.9 },
        (number) => number % families >= 32 && number % 100 >= 90,
        ['scan'],
      ],
    ];
    for (const [where, passes, plans] of filters) {
      let found = 0;
      for (let q = 0; q < 40; q++) {
        const query = vector(q * 331 + 0.5);
        const answer = await storage.findSimilarPatterns(query, {
          maxResults: 10,
          explain: true,
          ...(where && { where }),
        });
        expect(plans).toContain(answer.plan?.kind);
        found += share(ids(answer), nearest(query, 10, passes));
      }
      expect(found / 40, JSON.stringify(where)).toBeGreaterThanOrEqual(0.99);
    }

    // Changes that the graph does not know yet.
    await storage.deletePattern('g000007');
    await storage.updatePattern('g000008', { pattern: { features: vector(99_999) } });
    await storage.storePattern(
      { ...pattern(0).pattern, id: 'new', features: vector(7) },
      { sourceId: 'graph' },
    );
    const of = async (number: number, more = {}) =>
      ids(await storage.findSimilarPatterns(vector(number), { maxResults: 1, ...more }));
    const check = async () => {
      expect(await of(7)).toEqual(['new']);
      expect(await of(99_999)).toEqual(['g000008']);
      expect(await of(8)).not.toEqual(['g000008']);
      expect(await of(7, { where: { confidenceThreshold: 0.3 } })).not.toEqual(['new']);
    };
    await check();
    expect((await storage.stats()).graph).toEqual({ state: 'ready', patterns: count, recent: 2 });
    await storage.flush();
    expect((await storage.stats()).graph).toEqual({ state: 'ready', patterns: count, recent: 0 });
    await check();
    expect((await storage.verify()).problems).toEqual([]);
  }, 120_000);

  it('is taken from disk when it belongs here, and built again when it does not', async () => {
    const [mine, other] = [temporaryFolder(), temporaryFolder()];
    await (await filled(mine)).close();
    await (await filled(other)).close();
    const events: StorageHealthEvent['kind'][] = [];
    const onHealthEvent = ({ kind }: StorageHealthEvent) => events.push(kind);
    const again = await open(mine, { onHealthEvent });
    expect((await again.stats()).graph).toEqual({ state: 'ready', patterns: count, recent: 0 });
    expect(events).toEqual([]);
    await again.close();

    for (const name of readdirSync(other)) {
      if (name.startsWith('graph') || name === 'columns.cache')
        cpSync(path.join(other, name), path.join(mine, name));
    }
    const swapped = await open(mine, { onHealthEvent });
    expect(events).toEqual(['cache-rebuild']);
    const answer = await swapped.findSimilarPatterns(vector(5), { maxResults: 1, explain: true });
    expect(ids(answer)).toEqual(['g000005']);
    await swapped.flush();
    expect(events).toContain('cache-ready');
    expect((await swapped.stats()).graph.state).toBe('ready');
  }, 120_000);

  it('is not believed when it leads past what is near', async () => {
    const indexPath = temporaryFolder();
    await (await filled(indexPath)).close();
    // As when a search goes astray on its way down a large graph: one family is out of its sight.
    const hidden = 20;
    const sidecar = JSON.parse(readFileSync(path.join(indexPath, 'graph.json'), 'utf8')) as GraphSidecar;
    const file = path.join(indexPath, sidecar.file);
    const graph = newGraph(dimensions, 'cosine');
    graph.load(file);
    for (let slot = hidden; slot < count; slot += families) graph.remove(BigInt(slot));
    graph.save(file);
    const bytes = statSync(file).size;
    publishSidecar(indexPath, { ...sidecar, bytes, crc32: checksum(file), count: graph.size() });

    const storage = await open(indexPath);
    const near = async (number: number) =>
      storage.findSimilarPatterns(vector(number), { maxResults: 10, explain: true });
    const astray = await near(hidden);
    expect(ids(astray)).toEqual(nearest(vector(hidden), 10, () => true));
    expect(astray.plan?.kind).toBe('scan');
    expect((await near(hidden + 1)).plan?.kind).toBe('graph');
  }, 60_000);

  it('leaves nothing behind that is not wanted', async () => {
    const indexPath = temporaryFolder();
    const storage = await filled(indexPath, { persistIndexOnDisk: false });
    expect((await storage.stats()).graph.state).toBe('ready');
    await storage.close();
    expect(readdirSync(indexPath).sort()).toEqual(['memory.mdb', 'memory.mdb-lock']);
  }, 60_000);
});

type PatternQueryOf = Parameters<FeatureStorage['countPatterns']>[0];
