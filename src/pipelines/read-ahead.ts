/**
 * Everything that has become ready since the last batch, at least one value and at most `limit`. The input is
 * read on while a batch is worked on, up to `limit` values. A batch is not handed out sooner than `gatherMs` after
 * the one before it, unless it is full or the last: what comes slowly never waits, what comes fast comes in few batches.
 */
export async function* readAhead<T>(
  input: AsyncIterable<T>,
  limit: number,
  gatherMs: number,
): AsyncGenerator<T[], void, undefined> {
  const iterator = input[Symbol.asyncIterator]();
  const ready: T[] = [];
  let ended: { error?: unknown } | undefined;
  let changed = Promise.withResolvers<void>();
  let stopped = false;
  let gathering: NodeJS.Timeout | undefined;
  const change = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const read = async () => {
    try {
      while (!stopped) {
        while (ready.length >= limit && !stopped) await changed.promise;
        if (stopped) return;
        const next = await iterator.next();
        if (next.done) break;
        ready.push(next.value);
        change();
      }
      ended = {};
    } catch (error) {
      ended = { error };
    }
    change();
  };
  void read();
  try {
    for (;;) {
      while (ended === undefined && (ready.length === 0 || (gathering !== undefined && ready.length < limit)))
        await changed.promise;
      clearTimeout(gathering);
      if (ready.length === 0) {
        if (ended !== undefined && 'error' in ended) throw ended.error;
        return;
      }
      const batch = ready.splice(0);
      gathering = setTimeout(() => {
        gathering = undefined;
        change();
      }, gatherMs);
      change();
      yield batch;
    }
  } finally {
    stopped = true;
    clearTimeout(gathering);
    change();
    // Not awaited: the input may be waiting for audio that never comes; its own signal ends it.
    if (ended === undefined) void iterator.return?.().then(undefined, () => undefined);
  }
}
