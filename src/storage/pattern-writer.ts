import type { EncoderIdentity } from '../pattern.ts';
import type { CheckedPattern } from './checked-pattern.ts';
import { refuseOtherEncoder } from './encoder-mismatch.ts';
import type { WriterOpenRequest } from './pattern-writer-worker.ts';
import { packedBytes, recordBytes, writeRecord } from './record.ts';
import { StorageError } from './storage-error.ts';
import { WorkerChannel } from './worker-channel.ts';
import {
  keepClip,
  keepCreatedAt,
  keepVector,
  type PutReply,
  type PutRequest,
  type RemoveReply,
  type WriteRequest,
} from './write-request.ts';

const script = new URL(
  import.meta.url.endsWith('.ts') ? './pattern-writer-worker.ts' : './pattern-writer-worker.js',
  import.meta.url,
);
/** A commit on a slow card with a large batch; the disk is broken when it takes longer. */
const writeMilliseconds = 120_000;
const mostWaiting = 4_096;
const packedAtOnce = 128;

/** The thread that writes: packs patterns, sends them, and gives back what went to disk. */
export class PatternWriter {
  readonly #channel: WorkerChannel<WriterOpenRequest | WriteRequest | { kind: 'close' }>;
  /** Large batches are packed over several turns of the event loop; what came later must not overtake them. */
  #turn: Promise<unknown> = Promise.resolve();
  #packing = 0;

  constructor(options: { onEnd: (error: StorageError) => void }) {
    this.#channel = new WorkerChannel(script, { name: 'writing thread', onEnd: options.onEnd });
  }

  open(folder: string, clipBudget: number): Promise<void> {
    return this.#channel.request({ kind: 'open', folder, clipBudget }, { milliseconds: writeMilliseconds });
  }

  /** In the order of calls, however long the checking of one takes. */
  put(
    checking: Promise<CheckedPattern[]>,
    update?: { expected: number; keepVector: boolean },
  ): Promise<PutReply> {
    // It may be refused before its turn has come, and a rejection that nobody waits for yet would end the process.
    checking.catch(() => undefined);
    return this.#inTurn(async () => {
      const request = await this.#pack(await checking, update);
      const transfer = [
        request.records.buffer,
        request.offsets.buffer,
        request.lengths.buffer,
        request.keeps.buffer,
        ...Array.from(request.clips.values(), ({ buffer }) => buffer),
      ];
      return () => this.#channel.request<PutReply>(request, { milliseconds: writeMilliseconds, transfer });
    });
  }

  remove(ids: string[], expected: Uint32Array): Promise<RemoveReply> {
    return this.#inTurn(
      async () => () =>
        this.#channel.request<RemoveReply>(
          { kind: 'remove', ids, expected },
          { milliseconds: writeMilliseconds },
        ),
    );
  }

  forget(before: number): Promise<void> {
    return this.#channel.request({ kind: 'forget', before }, { milliseconds: writeMilliseconds });
  }

  /** After all that was sent before. */
  async close(): Promise<void> {
    await this.#turn;
    try {
      await this.#channel.request({ kind: 'close' }, { milliseconds: writeMilliseconds });
    } finally {
      await this.#channel.end();
    }
  }

  /** For a memory that could not be opened: gives back the lock, if it was taken. */
  async end(): Promise<void> {
    await this.#channel
      .request({ kind: 'close' }, { milliseconds: writeMilliseconds })
      .catch(() => undefined);
    await this.#channel.end();
  }

  /** `prepare` runs when all earlier writes are on their way; what it answers sends this one. */
  #inTurn<Reply>(prepare: () => Promise<() => Promise<Reply>>): Promise<Reply> {
    if (this.#channel.waiting + this.#packing >= mostWaiting) {
      return Promise.reject(
        new StorageError(
          'BUSY',
          `${mostWaiting} writes are waiting for the disk: wait for some before sending more.`,
        ),
      );
    }
    this.#packing += 1;
    const prepared = this.#turn.then(prepare).finally(() => {
      this.#packing -= 1;
    });
    // The next one waits until this one is sent, not until it is answered.
    const sent = prepared.then((send) => ({ reply: send() }));
    this.#turn = sent.catch(() => undefined);
    return sent.then(({ reply }) => reply);
  }

  async #pack(
    patterns: CheckedPattern[],
    update: { expected: number; keepVector: boolean } | undefined,
  ): Promise<PutRequest> {
    const count = patterns.length;
    const offsets = new Float64Array(count);
    const lengths = new Uint32Array(count);
    let total = 0;
    patterns.forEach(({ textBytes, pattern }, i) => {
      offsets[i] = total;
      lengths[i] = recordBytes(pattern.features.length, textBytes);
      total += packedBytes(lengths[i]!);
    });
    const records = new Uint8Array(total);
    const keeps = new Uint8Array(count);
    const clips = new Map<number, Uint8Array<ArrayBuffer>>();
    let encoder: EncoderIdentity | undefined;
    for (let i = 0; i < count; i++) {
      if (i % packedAtOnce === packedAtOnce - 1) await new Promise(setImmediate);
      const pattern = patterns[i]!;
      writeRecord(records, offsets[i]!, pattern);
      if (pattern.clip !== undefined) clips.set(i, pattern.clip);
      keeps[i] =
        (pattern.createdAtGiven ? 0 : keepCreatedAt) |
        (update === undefined ? 0 : keepClip) |
        (update?.keepVector ? keepVector : 0);
      if (pattern.encoder === undefined) continue;
      if (encoder === undefined) encoder = pattern.encoder;
      else refuseOtherEncoder(encoder, pattern.encoder);
    }
    return {
      kind: 'put',
      records,
      offsets,
      lengths,
      ids: patterns.map(({ pattern }) => pattern.id),
      keeps,
      clips,
      ...(update === undefined ? {} : { expected: update.expected }),
      ...(encoder === undefined ? {} : { encoder }),
    };
  }
}
