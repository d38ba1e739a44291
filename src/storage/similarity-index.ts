import type { DistanceMetric } from './options.ts';
import type {
  GraphSidecar,
  SearchOpenReply,
  SearchReply,
  SearchRequest,
  SearchState,
} from './search-request.ts';
import type { StorageError } from './storage-error.ts';
import { WorkerChannel } from './worker-channel.ts';
import type { PutReply } from './write-request.ts';

const script = new URL(
  import.meta.url.endsWith('.ts') ? './search-worker.ts' : './search-worker.js',
  import.meta.url,
);
const openMilliseconds = 120_000;
const searchMilliseconds = 60_000;

/** The thread that searches, seen from the event loop. */
export class SimilarityIndex {
  readonly #channel: WorkerChannel<SearchRequest>;

  constructor(options: { onDamage: (slot: number) => void; onEnd: (error: StorageError) => void }) {
    this.#channel = new WorkerChannel(script, {
      name: 'search thread',
      onNotice: (notice) => options.onDamage((notice as { slot: number }).slot),
      onEnd: options.onEnd,
    });
  }

  open(options: {
    folder: string;
    memory: string;
    dimensions: number;
    distanceMetric: DistanceMetric;
    persisted: boolean;
    readOnly: boolean;
  }): Promise<SearchOpenReply> {
    return this.#channel.request({ kind: 'open', ...options }, { milliseconds: openMilliseconds });
  }

  /** Later searches find what the reply says went to disk. Takes the reply's records. */
  show(reply: PutReply): void {
    const { sequence, records, offsets, lengths, slots } = reply;
    this.#channel.tell({ kind: 'stored', sequence, records, offsets, lengths, slots }, [records.buffer]);
  }

  /** Later searches see these slots as they are on disk. */
  refresh(slots: Uint32Array, sequence: number): void {
    this.#channel.tell({ kind: 'changed', slots, sequence });
  }

  /** Takes the candidates' buffer. */
  search(
    features: Float32Array<ArrayBuffer>,
    count: number,
    candidates: Uint32Array<ArrayBuffer> | undefined,
  ): Promise<SearchReply> {
    const request: SearchRequest = { kind: 'search', features, count, ...(candidates && { candidates }) };
    const transfer = candidates === undefined ? [] : [candidates.buffer];
    return this.#channel.request<SearchReply>(request, { milliseconds: searchMilliseconds, transfer });
  }

  /** Answers from a graph that was just built. */
  useGraph(sidecar: GraphSidecar): Promise<void> {
    return this.#channel.request({ kind: 'graph', sidecar }, { milliseconds: openMilliseconds });
  }

  /** Looks whether the writing process saved a newer graph. */
  useSavedGraph(): void {
    this.#channel.tell({ kind: 'saved-graph' });
  }

  /** Compares what it holds with the records; answers what is wrong. */
  verify(): Promise<string[]> {
    return this.#channel.request({ kind: 'verify' }, { milliseconds: openMilliseconds });
  }

  state(): Promise<SearchState> {
    return this.#channel.request({ kind: 'state' }, { milliseconds: searchMilliseconds });
  }

  async close(): Promise<void> {
    try {
      await this.#channel.request({ kind: 'close' }, { milliseconds: searchMilliseconds });
    } finally {
      await this.#channel.end();
    }
  }

  /**
   * For a memory that could not be opened. The thread is asked first: ending one that is still loading its native
   * modules ends the process.
   */
  async end(): Promise<void> {
    await this.#channel
      .request({ kind: 'close' }, { milliseconds: searchMilliseconds })
      .catch(() => undefined);
    await this.#channel.end();
  }
}
