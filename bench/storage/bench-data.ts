import { exactSearch, type MetricKind } from 'usearch';
import { type ClusteredVectors, ClusterModel, randomNumbers } from './clustered-vectors.ts';

export const types = Array.from({ length: 10 }, (_, i) => `type-${i}`);
export const results = 10;

/** A filter that a share of the rows passes, drawn evenly or by cluster. */
export interface Filter {
  selectivity: number;
  correlated: boolean;
  passes: Uint8Array;
  /** Rows that pass. */
  count: number;
}

export interface BenchData {
  vectors: ClusteredVectors;
  queries: Float32Array[];
  type: Uint8Array;
  /** Even over 0 to 1: `confidence >= 1 - s` passes a share s, whatever the vector. */
  confidence: Float32Array;
  created: Float64Array;
  filters: Filter[];
  /** The true nearest rows of each query, of all and per filter. */
  truth: number[][];
  filteredTruth: number[][][];
}

export function id(row: number): string {
  return `pattern-${row.toString().padStart(8, '0')}`;
}

export function vectorOf(data: BenchData, row: number): Float32Array<ArrayBuffer> {
  const { numbers, dimensions } = data.vectors;
  return numbers.subarray(row * dimensions, (row + 1) * dimensions);
}

export function makeData(count: number, queryCount: number, dimensions = 768): BenchData {
  const model = new ClusterModel(dimensions);
  const vectors = model.draw(count, 11);
  const drawn = model.draw(queryCount, 13);
  const queries = Array.from({ length: queryCount }, (_, q) =>
    drawn.numbers.slice(q * dimensions, (q + 1) * dimensions),
  );
  const random = randomNumbers(17);
  const type = Uint8Array.from({ length: count }, () => Math.floor(random() * types.length));
  const confidence = Float32Array.from({ length: count }, () => random());
  const created = Float64Array.from(
    { length: count },
    (_, row) => 1.7e12 + row * 1000 + Math.floor(random() * 900),
  );
  const filters: Filter[] = [];
  for (const selectivity of [0.5, 0.1, 0.01, 0.001]) {
    const even = Uint8Array.from(confidence, (value) => (value >= Math.fround(1 - selectivity) ? 1 : 0));
    filters.push({ selectivity, correlated: false, passes: even, count: sum(even) });
    const byCluster = correlatedFilter(vectors, Math.round(count * selectivity));
    filters.push({ selectivity, correlated: true, passes: byCluster, count: sum(byCluster) });
  }
  const all = Array.from({ length: count }, (_, row) => row);
  return {
    vectors,
    queries,
    type,
    confidence,
    created,
    filters,
    truth: nearest(vectors, queries, all),
    filteredTruth: filters.map(({ passes }) =>
      nearest(
        vectors,
        queries,
        all.filter((row) => passes[row] === 1),
      ),
    ),
  };
}

/** Whole clusters from the middle of the list until there are enough rows: alike rows pass together. */
function correlatedFilter(vectors: ClusteredVectors, wanted: number): Uint8Array {
  const passes = new Uint8Array(vectors.count);
  let left = wanted;
  for (let step = 0; left > 0 && step < 400; step++) {
    const cluster = (40 + step * 7) % 200;
    for (let row = 0; row < vectors.count && left > 0; row++) {
      if (vectors.cluster[row] !== cluster || passes[row] === 1) continue;
      passes[row] = 1;
      left -= 1;
    }
  }
  return passes;
}

function nearest(vectors: ClusteredVectors, queries: Float32Array[], rows: number[]): number[][] {
  const { dimensions } = vectors;
  const own = new Float32Array(rows.length * dimensions);
  rows.forEach((row, i) => {
    own.set(vectors.numbers.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions);
  });
  return queries.map((query) => {
    const found = exactSearch(own, query, dimensions, Math.min(results, rows.length), 'cos' as MetricKind, 0);
    return Array.from((found as { keys: BigUint64Array }).keys, (key) => rows[Number(key)]!);
  });
}

export function recall(found: string[], truth: number[]): number {
  const wanted = new Set(truth.map(id));
  return truth.length === 0 ? 1 : found.filter((one) => wanted.has(one)).length / truth.length;
}

function sum(values: Uint8Array): number {
  return values.reduce((total, value) => total + value, 0);
}
