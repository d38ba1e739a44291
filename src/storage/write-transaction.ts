import { refuseOtherEncoder } from './encoder-mismatch.ts';
import type { FeatureVectorDatabase, MemoryState } from './feature-vector-database.ts';
import { readRecordHead, sealRecord } from './record.ts';
import { StorageError } from './storage-error.ts';
import {
  keepClip,
  keepCreatedAt,
  keepVector,
  type PutReply,
  type PutRequest,
  type RemoveReply,
  type RemoveRequest,
} from './write-request.ts';

/** The steps of a write, within an LMDB transaction. Each checks everything before it changes anything. */
export class WriteTransaction {
  readonly #database: FeatureVectorDatabase;
  readonly #clipBudget: number;
  readonly #state: MemoryState;
  /** Slots to use again, lowest last. */
  readonly #free: number[];

  constructor(database: FeatureVectorDatabase, clipBudget: number, free: number[]) {
    this.#database = database;
    this.#clipBudget = clipBudget;
    this.#state = structuredClone(database.state());
    this.#free = free;
  }

  put(request: PutRequest): PutReply {
    this.#checkExpected(request);
    this.#checkEncoder(request);
    const sequence = ++this.#state.sequence;
    const count = request.ids.length;
    const slots = new Uint32Array(count);
    const replaced = new Uint8Array(count);
    const slotBytes = Buffer.alloc(4);
    for (let i = 0; i < count; i++) {
      const key = Buffer.from(request.ids[i]!);
      const offset = request.offsets[i]!;
      const record = request.records.subarray(offset, offset + request.lengths[i]!);
      const keeps = request.keeps[i]!;
      const found = this.#database.ids.getBinaryFast(key) as Buffer | undefined;
      const slot = found?.readUInt32LE(0) ?? this.#takeSlot();
      const old = found === undefined ? undefined : this.#headOf(slot);
      sealRecord(record, {
        sequence,
        vectorSequence: old !== undefined && keeps & keepVector ? old.vectorSequence : sequence,
        ...(old !== undefined && keeps & keepCreatedAt ? { createdAt: old.createdAt } : {}),
      });
      this.#database.patterns.putSync(slot, record);
      if (found === undefined) {
        slotBytes.writeUInt32LE(slot);
        this.#database.ids.putSync(key, slotBytes);
      } else {
        replaced[i] = 1;
        if (!(keeps & keepClip)) this.#dropClip(slot);
      }
      const clip = request.clips.get(i);
      if (clip !== undefined) this.#putClip(slot, clip);
      slots[i] = slot;
    }
    const droppedClips = this.#keepClipBudget();
    this.#log(sequence, slots);
    const { records, offsets, lengths } = request;
    return { sequence, records, offsets, lengths, slots, replaced, droppedClips };
  }

  remove(request: RemoveRequest): RemoveReply {
    const removed: number[] = [];
    const sequence = this.#state.sequence + 1;
    request.ids.forEach((id, i) => {
      const key = Buffer.from(id);
      const slot = (this.#database.ids.getBinaryFast(key) as Buffer | undefined)?.readUInt32LE(0);
      if (slot === undefined) return;
      const expected = request.expected[i]!;
      if (expected !== 0 && this.#headOf(slot)?.sequence !== expected) return;
      this.#dropClip(slot);
      this.#database.patterns.removeSync(slot);
      this.#database.ids.removeSync(key);
      this.#database.free.putSync(slot, Buffer.alloc(0));
      this.#free.push(slot);
      removed.push(slot);
    });
    const slots = Uint32Array.from(removed);
    if (removed.length > 0) {
      this.#state.sequence = sequence;
      this.#log(sequence, slots);
    }
    return { sequence: this.#state.sequence, slots };
  }

  /** Drops the change log's oldest entries, a bounded number at once. */
  forget(before: number): void {
    const end = Math.min(before, this.#state.sequence, this.#state.logStart + 10_000);
    for (let sequence = this.#state.logStart; sequence < end; sequence++)
      this.#database.changes.removeSync(sequence);
    if (end > this.#state.logStart) this.#state.logStart = end;
  }

  finish(): void {
    this.#database.setState(this.#state);
  }

  #checkExpected(request: PutRequest): void {
    if (request.expected === undefined) return;
    const slot = this.#database.slotOf(request.ids[0]!);
    if (slot === undefined) throw new StorageError('NOT_FOUND', `There is no pattern "${request.ids[0]}".`);
    if (this.#headOf(slot)?.sequence !== request.expected) {
      throw new StorageError('BUSY', `"${request.ids[0]}" was changed at the same time: try again.`);
    }
  }

  #checkEncoder(request: PutRequest): void {
    if (request.encoder === undefined) return;
    const identity = this.#database.identity()!;
    if (identity.encoder === undefined) {
      this.#database.setIdentity({ ...identity, encoder: request.encoder });
      return;
    }
    refuseOtherEncoder(identity.encoder, request.encoder);
  }

  #headOf(slot: number) {
    const record = this.#database.record(slot);
    return record === undefined || record.length < 88 ? undefined : readRecordHead(record);
  }

  #takeSlot(): number {
    const slot = this.#free.pop();
    if (slot === undefined) return this.#state.slots++;
    this.#database.free.removeSync(slot);
    return slot;
  }

  #putClip(slot: number, clip: Uint8Array): void {
    this.#dropClip(slot);
    const { clips } = this.#state;
    const order = ++clips.order;
    const value = Buffer.alloc(8 + clip.length);
    value.writeDoubleLE(order);
    value.set(clip, 8);
    this.#database.clips.putSync(slot, value);
    const entry = Buffer.alloc(8);
    entry.writeUInt32LE(slot);
    entry.writeUInt32LE(clip.length, 4);
    this.#database.clipOrder.putSync(order, entry);
    clips.count += 1;
    clips.bytes += clip.length;
  }

  #dropClip(slot: number): void {
    const { clips } = this.#state;
    if (clips.count === 0) return;
    const value = this.#database.clips.getBinaryFast(slot) as Buffer | undefined;
    if (value === undefined) return;
    const order = value.readDoubleLE(0);
    clips.count -= 1;
    clips.bytes -= value.length - 8;
    this.#database.clipOrder.removeSync(order);
    this.#database.clips.removeSync(slot);
  }

  #keepClipBudget(): number {
    let dropped = 0;
    while (this.#state.clips.bytes > this.#clipBudget) {
      const [oldest] = this.#database.clipOrder.getRange({ limit: 1 });
      if (oldest === undefined) break;
      this.#dropClip(Buffer.from(oldest.value).readUInt32LE(0));
      dropped += 1;
    }
    return dropped;
  }

  #log(sequence: number, slots: Uint32Array): void {
    this.#database.changes.putSync(sequence, Buffer.from(slots.buffer, slots.byteOffset, slots.byteLength));
  }
}
