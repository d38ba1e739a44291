import { rmSync } from 'node:fs';
import path from 'node:path';
import { FeatureVectorDatabase } from './feature-vector-database.ts';
import { verifySavedGraph } from './graph-file.ts';
import { GraphView } from './graph-view.ts';
import { readRecordHead, vectorOffset } from './record.ts';
import type { SearchOpenReply, SearchRequest } from './search-request.ts';
import { SimilaritySearch } from './similarity-search.ts';
import { notify, serveRequests } from './worker-channel.ts';

let database: FeatureVectorDatabase;
let search: SimilaritySearch;
let folder = '';
let dimensions = 0;
let closed = false;

serveRequests<SearchRequest>(async (request) => {
  switch (request.kind) {
    case 'open':
      return open(request);
    case 'search':
      return search.search(request.features, request.count, request.candidates);
    case 'stored':
      for (let i = 0; i < request.slots.length; i++) {
        const offset = request.offsets[i]!;
        const record = request.records.subarray(offset, offset + request.lengths[i]!);
        // Records are packed at multiples of 8, so the vector can be read in place.
        const vector = new Float32Array(record.buffer, record.byteOffset + vectorOffset, dimensions);
        search.stored(request.slots[i]!, vector, readRecordHead(record).vectorSequence);
      }
      return undefined;
    case 'changed':
      database.refresh();
      for (const slot of request.slots) search.changed(slot, request.sequence);
      return undefined;
    case 'graph': {
      const file = path.join(folder, request.sidecar.file);
      search.useGraph(new GraphView(file, request.sidecar));
      if (!request.keepFile) rmSync(file, { force: true });
      return undefined;
    }
    case 'verify':
      return search.verify();
    case 'state':
      return search.state();
    case 'close':
      closed = true;
      await database.close();
      return undefined;
  }
});

function open(request: Extract<SearchRequest, { kind: 'open' }>): SearchOpenReply {
  ({ folder, dimensions } = request);
  database = new FeatureVectorDatabase(folder, { readOnly: request.readOnly });
  search = new SimilaritySearch(database, {
    dimensions,
    distanceMetric: request.distanceMetric,
    onDamage: (slot) => notify({ kind: 'damaged', slot }),
  });
  setImmediate(fill);
  if (!request.persisted) return {};
  const found = verifySavedGraph(folder, request);
  if ('refused' in found) return found;
  if (!database.remembersSince(found.sequence)) return { refused: 'is too old' };
  search.useGraph(new GraphView(path.join(folder, found.file), found));
  return { sidecar: found };
}

function fill(): void {
  if (!closed && search.fillSome()) setImmediate(fill);
}
