import { closeSync, openSync } from 'node:fs';
import { Index, type MetricKind, ScalarKind } from 'usearch';
import type { DistanceMetric } from './options.ts';
import type { GraphSidecar } from './search-request.ts';
import { usearchMetric } from './similarity.ts';

/** An empty graph. Cosine lives in int8, where only directions count; the others need lengths, so float32. */
export function newGraph(dimensions: number, metric: DistanceMetric): Index {
  return new Index({
    dimensions,
    metric: usearchMetric[metric] as MetricKind,
    quantization: metric === 'cosine' ? ScalarKind.I8 : ScalarKind.F32,
    // With 16 links a search among many clusters more often ends in the wrong one: bench/storage.md, one million.
    connectivity: 32,
    expansion_add: 128,
    expansion_search: 96,
    multi: false,
  });
}

/** A saved graph, mapped into memory and only read. */
export class GraphView {
  /** It knows all that was stored up to this transaction. */
  readonly sequence: number;
  readonly #index: Index;

  /** The file must have been verified: usearch ends the process on a damaged one. */
  constructor(file: string, sidecar: GraphSidecar) {
    this.sequence = sidecar.sequence;
    this.#index = newGraph(sidecar.dimensions, sidecar.distanceMetric);
    // The writing process may remove it at any moment, and where usearch cannot open a file it closes descriptor 0.
    const descriptor = openSync(file, 'r');
    try {
      this.#index.view(process.platform === 'linux' ? `/proc/self/fd/${descriptor}` : file);
    } finally {
      closeSync(descriptor);
    }
  }

  get count(): number {
    return Number(this.#index.size());
  }

  /** Slots near a vector, nearest first; some may have changed since. */
  nearest(vector: Float32Array, wanted: number): number[] {
    const { keys } = this.#index.search(vector, wanted, 1) as { keys: BigUint64Array };
    return Array.from(keys, Number);
  }
}
