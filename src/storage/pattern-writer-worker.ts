import { randomUUID } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { FeatureVectorDatabase } from './feature-vector-database.ts';
import { type StorageError, toStorageError } from './storage-error.ts';
import { serveRequests } from './worker-channel.ts';
import type { PutRequest, WriteRequest } from './write-request.ts';
import { WriteTransaction } from './write-transaction.ts';
import { WriterLock } from './writer-lock.ts';

export interface WriterOpenRequest {
  kind: 'open';
  folder: string;
  clipBudget: number;
}

/** Pages that a transaction needs beside its records. */
const spareBytes = 1024 * 1024;
const readersCheckedEvery = 10_000;

let database: FeatureVectorDatabase;
let lock: WriterLock;
let folder = '';
let clipBudget = 0;
let free: number[] = [];

/** What waits for the next transaction: what came while the last one was written goes to disk together. */
const waiting: {
  request: WriteRequest;
  resolve: (reply: unknown) => void;
  reject: (error: unknown) => void;
}[] = [];
let scheduled = false;
let readersChecked = -Infinity;

serveRequests<WriterOpenRequest | WriteRequest | { kind: 'close' }>({ niceness: 5 }, async (request) => {
  switch (request.kind) {
    case 'open':
      database = new FeatureVectorDatabase(request.folder, { readOnly: false });
      ({ folder, clipBudget } = request);
      try {
        lock = new WriterLock(database, request.folder, randomUUID());
      } catch (error) {
        await database.close();
        throw toStorageError(error, 'Opening the memory for writing');
      }
      loadFree();
      return undefined;
    case 'close':
      lock?.release();
      await database?.close();
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
    forgetDeadReaders();
    write(group);
  } catch (error) {
    if (group.length === 1) {
      group[0]!.reject(reason(error, group[0]!.request));
      return;
    }
    // One may be too large for a nearly full disk: the others need not fail with it.
    for (const one of group) {
      try {
        write([one]);
      } catch (alone) {
        one.reject(reason(alone, one.request));
      }
    }
  }
}

/** For a process that was killed while it read, LMDB keeps the pages of that time: the file would grow for ever. */
function forgetDeadReaders(): void {
  const now = performance.now();
  if (now - readersChecked < readersCheckedEvery) return;
  readersChecked = now;
  database.root.readerCheck();
}

/** LMDB tells a write that the disk cut short as an input/output error. */
function reason(error: unknown, request: WriteRequest): StorageError {
  const told = toStorageError(error, 'Writing');
  if (told.code !== 'IO') return told;
  const { bavail, bsize } = statfsSync(folder);
  const wanted = request.kind === 'put' ? 2 * request.records.length + clipBytes(request) : 0;
  return bavail * bsize > wanted + spareBytes ? told : toStorageError({ code: 'ENOSPC' }, 'Writing');
}

function clipBytes({ clips }: PutRequest): number {
  return [...clips.values()].reduce((sum, clip) => sum + clip.length, 0);
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
