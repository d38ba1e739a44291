import { chmodSync, renameSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Index } from 'usearch';
import { FeatureVectorDatabase } from './feature-vector-database.ts';
import {
  checksum,
  type GraphOwner,
  graphFileName,
  publishSidecar,
  removeOldGraphs,
  syncFile,
  verifySavedGraph,
} from './graph-file.ts';
import { newGraph } from './graph-view.ts';
import { isRecordWhole, vectorOffset } from './record.ts';
import type { GraphSidecar } from './search-request.ts';
import { StorageError, toStorageError } from './storage-error.ts';
import { serveRequests } from './worker-channel.ts';

export interface GraphBuildRequest extends GraphOwner {
  kind: 'build';
  folder: string;
  /** Its first number becomes 1 when the build is no longer wanted. */
  cancelled: Int32Array;
}

const addedAtOnce = 256;

serveRequests<GraphBuildRequest>({ niceness: 10 }, async (request) => {
  const database = new FeatureVectorDatabase(request.folder, { readOnly: false });
  try {
    return build(database, request);
  } finally {
    await database.close();
  }
});

/** Brings the saved graph up to date, or makes a new one, and publishes it. */
function build(database: FeatureVectorDatabase, request: GraphBuildRequest): GraphSidecar {
  const { folder, memory, dimensions, distanceMetric } = request;
  const saved = verifySavedGraph(folder, request);
  const { sequence, slots } = database.state();
  const graph = newGraph(dimensions, distanceMetric);
  if ('refused' in saved || !database.remembersSince(saved.sequence)) {
    add(
      graph,
      database,
      request,
      Array.from({ length: slots }, (_, slot) => slot),
    );
  } else {
    if (saved.sequence === sequence) return saved;
    graph.load(path.join(folder, saved.file));
    const changed = new Set<number>();
    for (const change of database.changedSince(saved.sequence))
      for (const slot of change.slots) changed.add(slot);
    for (const slot of changed) if (graph.contains(BigInt(slot))) graph.remove(BigInt(slot));
    add(graph, database, request, [...changed]);
  }
  const file = graphFileName(sequence);
  const temporary = path.join(folder, `${file}.tmp`);
  try {
    graph.save(temporary);
    chmodSync(temporary, 0o600);
    syncFile(temporary);
    const sidecar: GraphSidecar = {
      format: 'earmark-graph.v1',
      memory,
      file,
      bytes: statSync(temporary).size,
      crc32: checksum(temporary),
      dimensions,
      distanceMetric,
      count: graph.size(),
      sequence,
    };
    renameSync(temporary, path.join(folder, file));
    publishSidecar(folder, sidecar);
    removeOldGraphs(folder, file);
    return sidecar;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw toStorageError(error, 'Saving the graph');
  }
}

function add(
  graph: Index,
  database: FeatureVectorDatabase,
  request: GraphBuildRequest,
  slots: number[],
): void {
  const { dimensions, cancelled } = request;
  const threads = Math.min(8, availableParallelism());
  const vectors = new Float32Array(addedAtOnce * dimensions);
  const bytes = new Uint8Array(vectors.buffer);
  const keys = new BigUint64Array(addedAtOnce);
  let waiting = 0;
  const flush = () => {
    if (waiting > 0) graph.add(keys.subarray(0, waiting), vectors.subarray(0, waiting * dimensions), threads);
    waiting = 0;
    // The database is read anew for each batch, so that old pages are not kept from being used again.
    database.refresh();
    if (Atomics.load(cancelled, 0) === 1)
      throw new StorageError('CANCELLED', 'The graph is no longer wanted.');
  };
  for (const slot of slots) {
    const record = database.record(slot);
    if (record === undefined || !isRecordWhole(record, dimensions)) continue;
    bytes.set(record.subarray(vectorOffset, vectorOffset + 4 * dimensions), waiting * 4 * dimensions);
    keys[waiting++] = BigInt(slot);
    if (waiting === addedAtOnce) flush();
  }
  flush();
}
