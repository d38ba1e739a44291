import { type BenchData, type Filter, id, types, vectorOf } from './bench-data.ts';
import type { Contender } from './contender.ts';
import { peer } from './peer.ts';

interface Query {
  distanceType(type: string): Query;
  ef(value: number): Query;
  refineFactor(value: number): Query;
  where(sql: string): Query;
  select(columns: string[]): Query;
  limit(count: number): Query;
  toArray(): Promise<{ row: number }[]>;
}

interface Table {
  add(rows: unknown[]): Promise<unknown>;
  createIndex(column: string, options?: { config: unknown }): Promise<void>;
  vectorSearch(query: Float32Array): Query;
  query(): Query;
  close(): void;
}

interface LanceModule {
  connect(folder: string): Promise<{
    createTable(name: string, rows: unknown[]): Promise<Table>;
    openTable(name: string): Promise<Table>;
    close(): void;
  }>;
  Index: {
    hnswSq(options: { distanceType: string; m: number; efConstruction: number }): unknown;
    btree(): unknown;
  };
}

const shares = [0.5, 0.1, 0.01, 0.001];

/** LanceDB with its best index here (IVF_HNSW_SQ, refined) and scalar indexes for the criteria. */
export class LancedbContender implements Contender {
  readonly name = 'lancedb';
  readonly #lance = peer<LanceModule>('@lancedb/lancedb');
  #database!: Awaited<ReturnType<LanceModule['connect']>>;
  #table: Table | undefined;

  async open(folder: string): Promise<void> {
    this.#database = await this.#lance.connect(folder);
  }

  async ingest(data: BenchData, from: number, to: number): Promise<void> {
    const rows = Array.from({ length: to - from }, (_, n) => rowOf(data, from + n));
    if (this.#table === undefined) this.#table = await this.#database.createTable('patterns', rows);
    else await this.#table.add(rows);
  }

  async settle(): Promise<void> {
    const { Index } = this.#lance;
    await this.#table!.createIndex('vector', {
      config: Index.hnswSq({ distanceType: 'cosine', m: 16, efConstruction: 128 }),
    });
    for (const column of ['confidence', 'created', 'type', ...shares.map((_, i) => `share${i}`)]) {
      await this.#table!.createIndex(column, { config: Index.btree() });
    }
  }

  async put(data: BenchData, row: number): Promise<void> {
    await this.#table!.add([rowOf(data, row)]);
  }

  async similar(query: Float32Array, count: number): Promise<string[]> {
    return ids(await this.#search(query, count).toArray());
  }

  async filtered(query: Float32Array, count: number, filter: Filter): Promise<string[]> {
    const where = filter.correlated
      ? `share${shares.indexOf(filter.selectivity)} = 1`
      : `confidence >= ${Math.fround(1 - filter.selectivity)}`;
    return ids(await this.#search(query, count).where(where).toArray());
  }

  async close(): Promise<void> {
    this.#table?.close();
    this.#database.close();
  }

  async reopen(folder: string): Promise<void> {
    await this.open(folder);
    this.#table = await this.#database.openTable('patterns');
  }

  #search(query: Float32Array, count: number): Query {
    return this.#table!.vectorSearch(query)
      .distanceType('cosine')
      .ef(128)
      .refineFactor(3)
      .select(['row', '_distance'])
      .limit(count);
  }
}

function ids(rows: { row: number }[]): string[] {
  return rows.map(({ row }) => id(Number(row)));
}

function rowOf(data: BenchData, row: number): Record<string, unknown> {
  const marks = shares.map((share, i) => {
    const { passes } = data.filters.find((one) => one.correlated && one.selectivity === share)!;
    return [`share${i}`, passes[row]!] as const;
  });
  return {
    row,
    type: types[data.type[row]!]!,
    confidence: data.confidence[row]!,
    created: data.created[row]!,
    ...Object.fromEntries(marks),
    vector: Array.from(vectorOf(data, row)),
  };
}
