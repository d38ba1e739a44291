import type { GraphBuildRequest } from './graph-build-worker.ts';
import type { GraphOwner } from './graph-file.ts';
import type { GraphSidecar } from './search-request.ts';
import { WorkerChannel } from './worker-channel.ts';

const script = new URL(
  import.meta.url.endsWith('.ts') ? './graph-build-worker.ts' : './graph-build-worker.js',
  import.meta.url,
);
/** A million patterns take minutes; a day means that it hangs. */
const buildMilliseconds = 24 * 60 * 60 * 1000;

/** Brings the saved graph up to date in a thread that lives for one build: usearch frees memory no other way. */
export class GraphBuild {
  readonly done: Promise<GraphSidecar>;
  readonly #cancelled = new Int32Array(new SharedArrayBuffer(4));

  constructor(folder: string, owner: GraphOwner) {
    const channel = new WorkerChannel<GraphBuildRequest>(script, { name: 'graph thread' });
    const { memory, dimensions, distanceMetric } = owner;
    this.done = channel
      .request<GraphSidecar>(
        { kind: 'build', folder, memory, dimensions, distanceMetric, cancelled: this.#cancelled },
        { milliseconds: buildMilliseconds, background: true },
      )
      .finally(() => channel.end());
  }

  /** `done` then rejects with CANCELLED within a second or so. */
  cancel(): void {
    Atomics.store(this.#cancelled, 0, 1);
  }
}
