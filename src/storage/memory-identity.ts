import { randomUUID } from 'node:crypto';
import type { CheckedOptions } from './checked-options.ts';
import { refuseOtherEncoder } from './encoder-mismatch.ts';
import type { FeatureVectorDatabase, MemoryIdentity } from './feature-vector-database.ts';
import { StorageError } from './storage-error.ts';

/** What the memory is for: as stored, or, in a new one, as the options say. Refuses options that differ. */
export function identify(database: FeatureVectorDatabase, options: CheckedOptions): MemoryIdentity {
  const stored = database.identity();
  const empty = database.patterns.getStats() as { entryCount: number };
  if (stored === undefined || (empty.entryCount === 0 && !options.readOnly && differs(stored, options))) {
    return create(database, options);
  }
  if (stored.format !== 'earmark-memory.v1') {
    throw new StorageError(
      'CORRUPT',
      `The memory's format "${String(stored.format)}" is not known: use a newer Earmark.`,
    );
  }
  if (options.dimensions !== undefined && options.dimensions !== stored.dimensions) {
    throw new StorageError(
      'DIMENSIONS',
      `This memory holds vectors of ${stored.dimensions} numbers, not ${options.dimensions}: use the encoder that filled it, or another indexPath.`,
    );
  }
  if (options.distanceMetric !== undefined && options.distanceMetric !== stored.distanceMetric) {
    throw new StorageError(
      'ENCODER_MISMATCH',
      `This memory compares by ${stored.distanceMetric}, not ${options.distanceMetric}: set distanceMetric to ${stored.distanceMetric}, or use another indexPath.`,
    );
  }
  if (options.encoder !== undefined && stored.encoder !== undefined) {
    refuseOtherEncoder(stored.encoder, options.encoder);
  }
  return stored;
}

function differs(stored: MemoryIdentity, options: CheckedOptions): boolean {
  return (
    (options.dimensions ?? stored.dimensions) !== stored.dimensions ||
    (options.distanceMetric ?? stored.distanceMetric) !== stored.distanceMetric ||
    (options.encoder !== undefined && JSON.stringify(options.encoder) !== JSON.stringify(stored.encoder))
  );
}

function create(database: FeatureVectorDatabase, options: CheckedOptions): MemoryIdentity {
  if (options.readOnly) {
    throw new StorageError(
      'PATH',
      `There is no memory at "${options.indexPath}" yet: open it for writing once.`,
    );
  }
  const identity: MemoryIdentity = {
    format: 'earmark-memory.v1',
    memory: randomUUID(),
    dimensions: options.dimensions ?? 768,
    distanceMetric: options.distanceMetric ?? 'cosine',
    ...(options.encoder === undefined ? {} : { encoder: options.encoder }),
  };
  database.root.transactionSync(() => {
    database.setIdentity(identity);
  });
  return identity;
}
