import path from 'node:path';
import { FeatureVectorDatabase } from './feature-vector-database.ts';
import { type GraphOwner, verifySavedGraph } from './graph-file.ts';
import { GraphView } from './graph-view.ts';
import { readRecordHead, vectorOffset } from './record.ts';
import type { SearchOpenReply, SearchRequest } from './search-request.ts';
import { SimilaritySearch } from './similarity-search.ts';
import { notify, serveRequests } from './worker-channel.ts';

let database: FeatureVectorDatabase;
let search: SimilaritySearch;
let folder = '';
let owner: GraphOwner;
let dimensions = 0;
let closed = false;

serveRequests<SearchRequest>({ niceness: 5 }, async (request) => {
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
      // Freed now: as garbage it would make V8 collect, with threads that then keep the processor from others.
      request.records.buffer.transfer(0);
      search.told = request.sequence;
      return undefined;
    case 'changed':
      database.refresh();
      for (const slot of request.slots) search.changed(slot, request.sequence);
      search.told = request.sequence;
      return undefined;
    case 'graph':
      search.useGraph(new GraphView(path.join(folder, request.sidecar.file), request.sidecar));
      return undefined;
    case 'saved-graph':
      useSaved();
      return undefined;
    case 'verify':
      return search.verify();
    case 'state':
      return search.state();
    case 'close':
      closed = true;
      await database?.close();
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
  owner = request;
  return { ...(request.persisted && useSaved()), sequence: search.told };
}

/** Answers from the saved graph when it is whole, of this memory, and newer than the one in use. */
function useSaved(): Omit<SearchOpenReply, 'sequence'> {
  let found = verifySavedGraph(folder, owner);
  // The writing process may have replaced it between the sidecar's and the graph's reading.
  if ('refused' in found) found = verifySavedGraph(folder, owner);
  if ('refused' in found) return found;
  if (!database.remembersSince(found.sequence)) return { refused: 'is too old' };
  if (found.sequence <= search.graphSequence) return { sidecar: found };
  try {
    search.useGraph(new GraphView(path.join(folder, found.file), found));
  } catch (error) {
    return { refused: `cannot be read (${(error as Error).message})` };
  }
  return { sidecar: found, recent: search.state().recent };
}

function fill(): void {
  if (!closed && search.fillSome()) setImmediate(fill);
}
