import type { EncoderIdentity } from '../pattern.ts';

/** Bits that say what a record takes over from the one it replaces. */
export const keepCreatedAt = 1;
export const keepVector = 2;
export const keepClip = 4;

/** Records for one transaction, packed one after another. */
export interface PutRequest {
  kind: 'put';
  records: Uint8Array<ArrayBuffer>;
  /** Where each record begins, and its length. */
  offsets: Float64Array<ArrayBuffer>;
  lengths: Uint32Array<ArrayBuffer>;
  ids: string[];
  keeps: Uint8Array<ArrayBuffer>;
  /** Clips by the record's number; most have none. */
  clips: Map<number, Uint8Array<ArrayBuffer>>;
  /** The transaction that the one replaced record must still be of. */
  expected?: number;
  encoder?: EncoderIdentity;
}

export interface RemoveRequest {
  kind: 'remove';
  ids: string[];
  /** The transaction that each record must still be of; others are left. 0 for any. */
  expected: Uint32Array;
}

/** The change log may forget what came before. */
export interface ForgetRequest {
  kind: 'forget';
  before: number;
}

export type WriteRequest = PutRequest | RemoveRequest | ForgetRequest;

export interface PutReply {
  sequence: number;
  /** The request's records, as they went to disk. */
  records: Uint8Array<ArrayBuffer>;
  offsets: Float64Array<ArrayBuffer>;
  lengths: Uint32Array<ArrayBuffer>;
  slots: Uint32Array<ArrayBuffer>;
  /** 1 where a record was replaced. */
  replaced: Uint8Array<ArrayBuffer>;
  droppedClips: number;
}

export interface RemoveReply {
  sequence: number;
  /** The slots of what was removed. */
  slots: Uint32Array<ArrayBuffer>;
}
