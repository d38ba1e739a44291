import { randomUUID } from 'node:crypto';
import { FeatureVectorDatabase } from './feature-vector-database.ts';
import { toStorageError } from './storage-error.ts';
import { serveRequests } from './worker-channel.ts';
import type { WriteRequest } from './write-request.ts';
import { WriteTransaction } from './write-transaction.ts';
import { WriterLock } from './writer-lock.ts';

export interface WriterOpenRequest {
  kind: 'open';
  folder: string;
  clipBudget: number;
}

let database: FeatureVectorDatabase;
let lock: WriterLock;
let clipBudget = 0;
let free: number[] = [];

/** What waits for the next transaction: what came while the last one was written goes to disk together. */
const waiting: {
  request: WriteRequest;
  resolve: (reply: unknown) => void;
  reject: (error: unknown) => void;
}[] = [];
let scheduled = false;

serveRequests<WriterOpenRequest | WriteRequest | { kind: 'close' }>(async (request) => {
  switch (request.kind) {
    case 'open':
      database = new FeatureVectorDatabase(request.folder, { readOnly: false });
      clipBudget = request.clipBudget;
      try {
        lock = new WriterLock(database, request.folder, randomUUID());
      } catch (error) {
        await database.close();
        throw toStorageError(error, 'Opening the memory for writing');
      }
      loadFree();
      return undefined;
    case 'close':
      lock.release();
      await database.close();
      return undefined;
    default:
      return await new Promise((resolve, reject) => {
        waiting.push({ request, resolve, reject });
        if (!scheduled) setImmediate(commit);
        scheduled = true;
      });
  }
});

function commit(): void {
  scheduled = false;
  const group = waiting.splice(0);
  try {
    write(group);
  } catch (error) {
    if (group.length === 1) {
      group[0]!.reject(toStorageError(error, 'Writing'));
      return;
    }
    // One may be too large for a nearly full disk: the others need not fail with it.
    for (const one of group) {
      try {
        write([one]);
      } catch (alone) {
        one.reject(toStorageError(alone, 'Writing'));
      }
    }
  }
}

function write(group: typeof waiting): void {
  const done: (() => void)[] = [];
  try {
    database.root.transactionSync(() => {
      lock.check();
      const transaction = new WriteTransaction(database, clipBudget, free);
      for (const { request, resolve, reject } of group) {
        try {
          const reply = apply(transaction, request);
          done.push(() => resolve(reply));
        } catch (error) {
          // Refused before anything was changed; LMDB's own errors end the whole transaction.
          if ((error as { name?: string }).name !== 'StorageError') throw error;
          done.push(() => reject(error));
        }
      }
      transaction.finish();
    });
  } catch (error) {
    loadFree();
    throw error;
  }
  for (const tell of done) tell();
}

function apply(transaction: WriteTransaction, request: WriteRequest): unknown {
  switch (request.kind) {
    case 'put':
      return transaction.put(request);
    case 'remove':
      return transaction.remove(request);
    case 'forget':
      return transaction.forget(request.before);
  }
}

function loadFree(): void {
  database.refresh();
  free = [...database.free.getKeys({})].reverse();
}
