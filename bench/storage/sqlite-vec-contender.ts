import path from 'node:path';
import { type BenchData, type Filter, id, types } from './bench-data.ts';
import type { Contender } from './contender.ts';
import { peer } from './peer.ts';

interface Statement {
  run(...values: unknown[]): unknown;
  all(...values: unknown[]): Record<string, unknown>[];
}

interface Sqlite {
  exec(sql: string): void;
  pragma(text: string): unknown;
  prepare(sql: string): Statement;
  transaction(work: () => void): () => void;
  close(): void;
}

const shares = [0.5, 0.1, 0.01, 0.001];

/** better-sqlite3 with the vec0 table of sqlite-vec: an exact scan inside SQLite, criteria as its metadata columns. */
export class SqliteVecContender implements Contender {
  readonly name = 'sqlite-vec';
  readonly #Database = peer<new (file: string) => Sqlite>('better-sqlite3');
  readonly #vec = peer<{ load(database: Sqlite): void }>('sqlite-vec');
  #database!: Sqlite;

  async open(folder: string, data: BenchData): Promise<void> {
    await this.reopen(folder);
    const columns = shares.map((_, i) => `share${i} integer`).join(', ');
    this.#database.exec(
      `create virtual table vectors using vec0(row integer primary key, confidence float, ${columns},
         embedding float[${data.vectors.dimensions}] distance_metric=cosine);
       create table patterns(row integer primary key, type text, created real);
       create index newest on patterns(type, created desc);`,
    );
  }

  async ingest(data: BenchData, from: number, to: number): Promise<void> {
    const vectors = this.#database.prepare('insert into vectors values (?, ?, ?, ?, ?, ?, ?)');
    const patterns = this.#database.prepare('insert into patterns values (?, ?, ?)');
    const { dimensions, numbers } = data.vectors;
    const correlated = shares.map(
      (share) => data.filters.find((one) => one.correlated && one.selectivity === share)!.passes,
    );
    this.#database.transaction(() => {
      for (let row = from; row < to; row++) {
        const vector = numbers.slice(row * dimensions, (row + 1) * dimensions);
        const marks = correlated.map((passes) => BigInt(passes[row]!));
        vectors.run(BigInt(row), data.confidence[row]!, ...marks, new Uint8Array(vector.buffer));
        patterns.run(row, types[data.type[row]!]!, data.created[row]!);
      }
    })();
  }

  async settle(): Promise<void> {}

  async put(data: BenchData, row: number): Promise<void> {
    await this.ingest(data, row, row + 1);
  }

  async similar(query: Float32Array, count: number): Promise<string[]> {
    return this.#nearest(query, count, '');
  }

  async filtered(query: Float32Array, count: number, filter: Filter): Promise<string[]> {
    return filter.correlated
      ? this.#nearest(query, count, `and share${shares.indexOf(filter.selectivity)} = 1`)
      : this.#nearest(query, count, 'and confidence >= ?', Math.fround(1 - filter.selectivity));
  }

  async criteria(type: string): Promise<unknown[]> {
    const rows = this.#database
      .prepare('select row from patterns where type = ? order by created desc limit 100')
      .all(type);
    const vector = this.#database.prepare('select embedding from vectors where row = ?');
    return rows.map(({ row }) => vector.all(BigInt(row as number))[0]);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  async reopen(folder: string): Promise<void> {
    this.#database = new this.#Database(path.join(folder, 'vectors.db'));
    this.#vec.load(this.#database);
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = FULL');
  }

  #nearest(query: Float32Array, count: number, where: string, ...values: unknown[]): string[] {
    return this.#database
      .prepare(`select row from vectors where embedding match ? and k = ? ${where} order by distance`)
      .all(new Uint8Array(query.buffer, query.byteOffset, query.byteLength), count, ...values)
      .map(({ row }) => id(row as number));
  }
}
