import type { LongOperationOptions, VerifyReport } from './feature-storage.ts';
import type { OpenMemory } from './open-memory.ts';
import { isRecordWhole, readRecordHead, readRecordText } from './record.ts';
import { StorageError } from './storage-error.ts';

const mostProblems = 1_000;
const checkedAtOnce = 256;

/** Reads every record, id, clip and column row and compares them with each other. */
export async function verifyMemory(memory: OpenMemory, options: LongOperationOptions): Promise<VerifyReport> {
  const { database, repository, identity } = memory;
  const { columns } = repository;
  const problems: VerifyReport['problems'] = [];
  const found = (message: string, id?: string) => {
    if (problems.length < mostProblems) problems.push(id === undefined ? { message } : { id, message });
  };
  database.refresh();
  const { slots } = database.state();
  let checked = 0;
  // What was written a moment ago is not shown yet.
  let unshown = new Set<number>();
  for (let slot = 0; slot < slots; slot++) {
    if (slot % checkedAtOnce === 0) {
      refuseCancelled(options.signal);
      options.onProgress?.({ done: slot, total: slots });
      await new Promise(setImmediate);
      await memory.follow();
      database.refresh();
      unshown = database.slotsChangedSince(repository.sequence);
    }
    const record = database.record(slot);
    const row = columns.id(slot);
    if (record === undefined) {
      if (row !== undefined && !unshown.has(slot))
        found('is remembered but has no record: open the memory again.', row);
      continue;
    }
    checked += 1;
    if (!isRecordWhole(record, identity.dimensions)) {
      found(`The record in slot ${slot} is damaged: restore it from a backup or store it again.`, row);
      continue;
    }
    const head = readRecordHead(record);
    const { id } = readRecordText(record, identity.dimensions);
    if (database.slotOf(id) !== slot)
      found('is not found by its id: export the memory and import it into a new one.', id);
    if (!unshown.has(slot) && (row !== id || columns.sequence(slot) !== head.sequence)) {
      found('is not shown by queries as it is on disk: open the memory again.', id);
    }
  }
  const entries = (database.ids.getStats() as { entryCount: number }).entryCount;
  const records = (database.patterns.getStats() as { entryCount: number }).entryCount;
  if (entries !== records) found(`There are ${records} records and ${entries} ids.`);
  for (const finding of await memory.index.verify()) found(finding);
  options.onProgress?.({ done: slots, total: slots });
  return { ok: problems.length === 0, checked, problems };
}

export function refuseCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new StorageError('CANCELLED', 'Cancelled.', { cause: signal.reason });
}
