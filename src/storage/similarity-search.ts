import type { FeatureVectorDatabase } from './feature-vector-database.ts';
import type { GraphView } from './graph-view.ts';
import type { DistanceMetric } from './options.ts';
import { isRecordWhole, readRecordHead, vectorOffset } from './record.ts';
import { scanBelow } from './scan-threshold.ts';
import type { SearchReply, SearchState } from './search-request.ts';
import { SimilarityTo, usearchDistance } from './similarity.ts';
import { VectorTable } from './vector-table.ts';

/** Up to so many candidates are compared by their float32 vectors at once; measured by `bench storage`. */
const directly = 300;
/** Above so many results the graph's search costs more than a scan. */
const mostFromGraph = 1_000;
/** Taken from the graph at least: with 100 of them the right ten are among them 199 times in 200. */
const proposals = 100;
/** Share of patterns that must meet the criteria before the graph's proposals are worth filtering. */
const broad = 0.2;
/** Every so manieth slot is in the sample that tells whether the graph's search went astray. */
const sampledEvery = 100;
const fillMilliseconds = 4;

/** Answers similarity searches from the graph, the vectors in memory and the truth on disk. */
export class SimilaritySearch {
  readonly #database: FeatureVectorDatabase;
  readonly #dimensions: number;
  readonly #metric: DistanceMetric;
  /** All vectors, filled in the background from `#filled` on. */
  readonly #all: VectorTable;
  /** Some of them: those that the graph should not miss when they are near. */
  readonly #sample: VectorTable;
  /** What the graph does not know yet. */
  #recent: VectorTable;
  /** Slots changed since the graph was made, with the transaction: what the graph says of them is old. */
  #changed = new Map<number, number>();
  #graph: GraphView | undefined;
  #filled = 0;
  #sampled = 0;
  #slots: number;
  /** The last transaction that it was told of. */
  told: number;
  readonly #vector: Float32Array<ArrayBuffer>;
  readonly #vectorBytes: Uint8Array;
  readonly #onDamage: (slot: number) => void;

  constructor(
    database: FeatureVectorDatabase,
    options: { dimensions: number; distanceMetric: DistanceMetric; onDamage: (slot: number) => void },
  ) {
    this.#database = database;
    this.#dimensions = options.dimensions;
    this.#metric = options.distanceMetric;
    this.#onDamage = options.onDamage;
    this.#all = new VectorTable(options.dimensions, options.distanceMetric);
    this.#sample = new VectorTable(options.dimensions, options.distanceMetric);
    this.#recent = new VectorTable(options.dimensions, options.distanceMetric);
    const { slots, sequence } = database.state();
    this.#slots = slots;
    this.told = sequence;
    this.#vector = new Float32Array(options.dimensions);
    this.#vectorBytes = new Uint8Array(this.#vector.buffer);
  }

  /** The last transaction that the graph knows, or -1 without one. */
  get graphSequence(): number {
    return this.#graph?.sequence ?? -1;
  }

  /** Takes over a graph; what changed since it was made is read from the change log. */
  useGraph(graph: GraphView): void {
    this.#graph = graph;
    this.#recent = new VectorTable(this.#dimensions, this.#metric);
    this.#changed = new Map();
    this.#database.refresh();
    for (const { sequence, slots } of this.#database.changedSince(graph.sequence)) {
      for (const slot of slots) this.#noteChange(slot, sequence);
    }
  }

  /** A vector that was just stored. */
  stored(slot: number, vector: Float32Array, vectorSequence: number): void {
    this.#slots = Math.max(this.#slots, slot + 1);
    this.#keep(slot, vector, vectorSequence);
    if (this.#graph !== undefined && vectorSequence > this.#graph.sequence) {
      this.#changed.set(slot, vectorSequence);
      this.#recent.set(slot, vector, vectorSequence);
    }
  }

  /** A slot whose record must be read again, or is gone. */
  changed(slot: number, sequence: number): void {
    this.#slots = Math.max(this.#slots, slot + 1);
    if (this.#readVector(slot)) this.#keep(slot, this.#vector, this.#readSequence);
    else {
      this.#all.remove(slot);
      this.#sample.remove(slot);
    }
    if (this.#graph !== undefined) this.#noteChange(slot, sequence);
  }

  /** Reads more vectors into memory for a few milliseconds; answers whether there are more to read. */
  fillSome(): boolean {
    const end = performance.now() + fillMilliseconds;
    this.#database.refresh();
    while (this.#filled < this.#slots && performance.now() < end) this.#fill(64);
    return this.#filled < this.#slots;
  }

  search(query: Float32Array, count: number, candidates: Uint32Array | undefined): SearchReply {
    const started = performance.now();
    this.#database.refresh();
    const reply =
      count === 0 || candidates?.length === 0
        ? this.#reply('scan', new Map(), count, true)
        : (this.#fromGraph(query, count, candidates) ?? this.#scan(query, count, candidates));
    reply.plan.milliseconds = performance.now() - started;
    return reply;
  }

  state(): SearchState {
    return { ...(this.#graph && { graph: this.#graph.count }), recent: this.#recent.count };
  }

  /** Whether every vector on disk, and no other, is in memory. */
  verify(): string[] {
    this.#database.refresh();
    while (this.#filled < this.#slots) this.#fill(this.#slots);
    const problems: string[] = [];
    const untold = this.#database.slotsChangedSince(this.told);
    for (let slot = 0; slot < this.#slots; slot++) {
      if (untold.has(slot)) continue;
      const onDisk = this.#readVector(slot) ? this.#readSequence : -1;
      if (this.#all.sequence(slot) === onDisk) continue;
      problems.push(
        `The vector in slot ${slot} is ${onDisk < 0 ? 'searched, but not on disk' : 'not searched'}.`,
      );
    }
    return problems.slice(0, 100);
  }

  /** Undefined when the graph cannot be trusted with this search. */
  #fromGraph(
    query: Float32Array,
    count: number,
    candidates: Uint32Array | undefined,
  ): SearchReply | undefined {
    const graph = this.#graph;
    if (graph === undefined || count > mostFromGraph || graph.count < scanBelow / 2) return undefined;
    const total = graph.count + this.#recent.count;
    const share = candidates === undefined ? 1 : candidates.length / total;
    if (candidates !== undefined && (share < broad || candidates.length < scanBelow)) return undefined;
    const wanted = Math.ceil(Math.max(proposals, 3 * count) / share);
    if (wanted > 4 * mostFromGraph) return undefined;

    const allowed = candidates === undefined ? undefined : new Uint8Array(this.#slots);
    if (candidates !== undefined) for (const slot of candidates) allowed![slot] = 1;
    const proposed = graph
      .nearest(query, wanted)
      .filter((slot) => !this.#changed.has(slot) && (allowed === undefined || allowed[slot] === 1));
    // "As many as wanted passed" proves nothing when the criteria go with similarity; far more than wanted does.
    if (proposed.length < 2 * count + 20) return undefined;
    const among =
      allowed === undefined
        ? undefined
        : Uint32Array.from(this.#recent.slots().filter((slot) => allowed[slot] === 1));
    proposed.push(...this.#recent.nearest(query, 2 * count + 20, among).slots);
    const [nearestOfSample] = this.#nearestOfSample(query, allowed);
    const isMissed = nearestOfSample !== undefined && !proposed.includes(nearestOfSample);
    if (isMissed) proposed.push(nearestOfSample);
    const scores = new Map<number, number>();
    this.#score(query, proposed, scores);
    const reply = this.#reply(candidates === undefined ? 'graph' : 'filtered-graph', scores, count, false);
    // On its way down the graph can end in the wrong place, from where all that is near is out of sight.
    const isAstray = isMissed && reply.slots.includes(nearestOfSample);
    return isAstray || reply.slots.length < count ? undefined : reply;
  }

  #nearestOfSample(query: Float32Array, allowed: Uint8Array | undefined): number[] {
    // Just after opening it may not be there yet, and without it the graph would be believed blindly.
    this.#fillSample(this.#slots);
    const among = allowed && this.#sample.slots().filter((slot) => allowed[slot] === 1);
    return this.#sample.nearest(query, 1, among && Uint32Array.from(among)).slots;
  }

  /** Compares all candidates; reads more float32 vectors until no other one can belong to the answer. */
  #scan(query: Float32Array, count: number, candidates: Uint32Array | undefined): SearchReply {
    const scores = new Map<number, number>();
    if (candidates !== undefined && candidates.length <= directly) {
      this.#score(query, candidates, scores);
      return this.#reply('scan', scores, count, true);
    }
    while (this.#filled < this.#slots) this.#fill(this.#slots);
    const most = candidates?.length ?? this.#all.count;
    const margin = this.#all.distanceMargin(query);
    for (let wanted = 2 * count + 100; ; wanted *= 4) {
      const proposals = this.#all.nearest(query, Math.min(wanted, most), candidates);
      this.#score(query, proposals.slots, scores);
      const reply = this.#reply('scan', scores, count, true);
      if (wanted >= most) return reply;
      // Some were deleted a moment ago, which the vectors in memory do not show yet.
      if (reply.slots.length < count) continue;
      const lastAccepted = usearchDistance(this.#metric, reply.similarities.at(-1)!);
      if (proposals.distances.at(-1)! - margin > lastAccepted) return reply;
    }
  }

  /** The best `count` of the scored, and those as alike as the last of them: the caller breaks ties by id. */
  #reply(
    kind: SearchReply['plan']['kind'],
    scores: Map<number, number>,
    count: number,
    exact: boolean,
  ): SearchReply {
    const ordered = [...scores].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const last = ordered[count - 1]?.[1];
    let end = Math.min(count, ordered.length);
    while (end < ordered.length && ordered[end]![1] === last) end++;
    return {
      slots: Uint32Array.from(ordered.slice(0, end), ([slot]) => slot),
      similarities: Float64Array.from(ordered.slice(0, end), ([, value]) => value),
      plan: { kind, exact, recent: this.#recent.count, rescored: scores.size, milliseconds: 0 },
    };
  }

  #score(query: Float32Array, slots: Iterable<number>, scores: Map<number, number>): void {
    const likeness = new SimilarityTo(this.#metric, query);
    for (const slot of slots) {
      if (scores.has(slot)) continue;
      const record = this.#database.record(slot);
      if (record === undefined || record.length < vectorOffset + this.#vectorBytes.length) continue;
      this.#vectorBytes.set(record.subarray(vectorOffset, vectorOffset + this.#vectorBytes.length));
      const value = likeness.of(this.#vector);
      // NaN only when the record is damaged, which whoever reads it reports.
      if (!Number.isNaN(value)) scores.set(slot, value);
    }
  }

  #noteChange(slot: number, sequence: number): void {
    const graphSequence = this.#graph!.sequence;
    if (!this.#readVector(slot)) {
      this.#changed.set(slot, sequence);
      this.#recent.remove(slot);
    } else if (this.#readSequence > graphSequence) {
      this.#changed.set(slot, sequence);
      this.#recent.set(slot, this.#vector, this.#readSequence);
    }
  }

  /** The sample first. */
  #fill(slots: number): void {
    this.#fillSample(Math.min(this.#sampled + sampledEvery * slots, this.#slots));
    if (this.#sampled < this.#slots) return;
    const end = Math.min(this.#filled + slots, this.#slots);
    for (; this.#filled < end; this.#filled++) this.#fillSlot(this.#filled);
  }

  #fillSample(end: number): void {
    for (; this.#sampled < end; this.#sampled += sampledEvery) this.#fillSlot(this.#sampled);
  }

  #fillSlot(slot: number): void {
    if (this.#all.sequence(slot) < 0 && this.#readVector(slot))
      this.#keep(slot, this.#vector, this.#readSequence);
  }

  #keep(slot: number, vector: Float32Array, sequence: number): void {
    // The same one may come again with another vector: of equal ids in a batch the last counts.
    if (this.#all.sequence(slot) > sequence) return;
    this.#all.set(slot, vector, sequence);
    if (slot % sampledEvery === 0) this.#sample.set(slot, vector, sequence);
  }

  #readSequence = 0;

  /** Reads a slot's vector into `#vector`; false where there is none or it is damaged. */
  #readVector(slot: number): boolean {
    const record = this.#database.record(slot);
    if (record === undefined) return false;
    if (!isRecordWhole(record, this.#dimensions)) {
      this.#onDamage(slot);
      return false;
    }
    this.#readSequence = readRecordHead(record).vectorSequence;
    this.#vectorBytes.set(record.subarray(vectorOffset, vectorOffset + this.#vectorBytes.length));
    return true;
  }
}
