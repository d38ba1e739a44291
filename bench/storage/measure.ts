import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { type BenchData, recall, results, types } from './bench-data.ts';
import type { Contender } from './contender.ts';

export interface FilteredFigures {
  selectivity: number;
  correlated: boolean;
  p50_ms: number;
  p99_ms: number;
  cpu_ms: number;
  recall: number;
}

export interface Figures {
  name: string;
  /** Durable on disk. */
  ingest_per_s: number;
  /** Until searches are as fast as they get: graph built, caches written. */
  searchable_per_s: number;
  single_put_ms: number;
  single_put_p99_ms: number;
  similar_p50_ms: number;
  similar_p99_ms: number;
  similar_recall: number;
  /** Processor time of a search over all threads: less disturbed by what else runs on the machine. */
  similar_cpu_ms: number;
  filtered: FilteredFigures[];
  criteria_p50_ms?: number;
  criteria_p99_ms?: number;
  /** From opening to the first answer of a similarity search, files in the page cache. */
  open_ms: number;
  /** Until the graph, deleted, is there again, while searches compare with every vector. */
  rebuild_s?: number;
  /** Longest time between two turns of the event loop over everything above but opening. */
  loop_stall_ms: number;
  loop_stall_p999_ms: number;
  /** Most processor time that the event loop's thread used between two turns. */
  loop_turn_cpu_ms: number;
  /** As `loop_stall_ms`, less the time in which the thread was ready but no processor was free. Linux only. */
  loop_stall_with_processor_ms?: number;
  /**
   * The longest time between two turns over three seconds in which nothing was done but that a thread per processor, of
   * the graph thread's priority, kept it busy: what the machine itself adds.
   */
  loop_busy_ms: number;
  disk_bytes: number;
}

const batch = 2_000;
const puts = 50;

export async function measure(
  contender: Contender,
  data: BenchData,
  say: (line: string) => void,
): Promise<Figures> {
  const folder = mkdtempSync(path.join(tmpdir(), `earmark-bench-${contender.name}-`));
  const loop = monitorEventLoopDelay({ resolution: 2 });
  const busy = await stallBesideBusyThreads();
  try {
    await contender.open(folder, data);
    // The last rows are put one by one.
    const bulk = data.vectors.count - puts;
    loop.enable();
    const turns = new LoopTurns();
    const started = performance.now();
    let storing = 0;
    for (let from = 0; from < bulk; from += batch) {
      const before = performance.now();
      await contender.ingest(data, from, Math.min(bulk, from + batch));
      storing += performance.now() - before;
      await new Promise(setImmediate);
    }
    say(`${contender.name}: stored ${bulk} in ${(storing / 1000).toFixed(1)} s`);
    await contender.settle();
    const settled = performance.now() - started;
    say(`${contender.name}: settled after ${(settled / 1000).toFixed(1)} s`);
    const single = await times(puts, (n) => contender.put(data, bulk + n));

    for (const query of data.queries.slice(0, 20)) await contender.similar(query, results);
    let found = 0;
    let clock = process.cpuUsage();
    const similar = await times(data.queries.length, async (n) => {
      found += recall(await contender.similar(data.queries[n]!, results), data.truth[n]!);
    });
    const similarCpu = cpuMilliseconds(clock, data.queries.length);
    say(
      `${contender.name}: similar ${percentile(similar, 0.5)} ms, recall ${round(found / data.queries.length)}`,
    );
    const filtered: FilteredFigures[] = [];
    for (const [f, filter] of data.filters.entries()) {
      if (contender.filtered === undefined) break;
      let filteredFound = 0;
      clock = process.cpuUsage();
      const some = Math.min(data.queries.length, 100);
      const spent = await times(some, async (n) => {
        const answer = await contender.filtered!(data.queries[n]!, results, filter);
        filteredFound += recall(answer, data.filteredTruth[f]![n]!);
      });
      const { selectivity, correlated } = filter;
      filtered.push({
        selectivity,
        correlated,
        p50_ms: percentile(spent, 0.5),
        p99_ms: percentile(spent, 0.99),
        cpu_ms: cpuMilliseconds(clock, some),
        recall: round(filteredFound / some),
      });
    }
    const criteria =
      contender.criteria === undefined
        ? undefined
        : await times(200, (n) => contender.criteria!(types[n % types.length]!));
    // A loop that never turned has its stall told only now.
    await new Promise((resolve) => setTimeout(resolve, 20));
    loop.disable();
    const longest = turns.end();
    await contender.close();
    const opened = await times(3, async () => {
      await contender.reopen(folder, data);
      await contender.similar(data.queries[0]!, results);
      // Closing is not part of it; `times` takes this step's time off.
      return () => contender.close();
    });
    say(`${contender.name}: opened in ${percentile(opened, 0.5)} ms`);
    const rebuilt = performance.now();
    await contender.rebuild?.(folder);
    const rebuild = (performance.now() - rebuilt) / 1000;
    if (contender.rebuild !== undefined) await contender.close();
    return {
      name: contender.name,
      ingest_per_s: Math.round((bulk / storing) * 1000),
      searchable_per_s: Math.round((bulk / settled) * 1000),
      single_put_ms: percentile(single, 0.5),
      single_put_p99_ms: percentile(single, 0.99),
      similar_p50_ms: percentile(similar, 0.5),
      similar_p99_ms: percentile(similar, 0.99),
      similar_recall: round(found / data.queries.length),
      similar_cpu_ms: similarCpu,
      filtered,
      ...(criteria === undefined
        ? {}
        : { criteria_p50_ms: percentile(criteria, 0.5), criteria_p99_ms: percentile(criteria, 0.99) }),
      open_ms: percentile(opened, 0.5),
      ...(contender.rebuild === undefined ? {} : { rebuild_s: round(rebuild) }),
      loop_stall_ms: round(loop.max / 1e6),
      loop_stall_p999_ms: round(loop.percentile(99.9) / 1e6),
      loop_turn_cpu_ms: round(longest.cpu),
      ...(longest.withProcessor === undefined
        ? {}
        : { loop_stall_with_processor_ms: round(longest.withProcessor) }),
      loop_busy_ms: busy,
      disk_bytes: bytesIn(folder),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function stallBesideBusyThreads(): Promise<number> {
  const spin =
    "if (process.platform === 'linux') require('node:os').setPriority(0, 5); for (;;) Math.sqrt(2);";
  const threads = Array.from({ length: availableParallelism() }, () => new Worker(spin, { eval: true }));
  await Promise.all(threads.map((thread) => once(thread, 'online')));
  const loop = monitorEventLoopDelay({ resolution: 2 });
  loop.enable();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  loop.disable();
  await Promise.all(threads.map((thread) => thread.terminate()));
  return round(loop.max / 1e6);
}

/** Watches what each turn of the event loop was spent on: the clock alone counts waiting for a processor too. */
class LoopTurns {
  #longest: { cpu: number; withProcessor?: number } = { cpu: 0 };
  #cpu = process.threadCpuUsage();
  #clock = performance.now();
  #waited = waitedForProcessor();
  readonly #timer = setInterval(() => this.#look(), 1);

  end(): { cpu: number; withProcessor?: number } {
    clearInterval(this.#timer);
    return this.#longest;
  }

  #look(): void {
    const { user, system } = process.threadCpuUsage(this.#cpu);
    const clock = performance.now();
    const waited = waitedForProcessor();
    this.#longest.cpu = Math.max(this.#longest.cpu, (user + system) / 1000);
    if (waited !== undefined) {
      const withProcessor = clock - this.#clock - (waited - this.#waited!);
      this.#longest.withProcessor = Math.max(this.#longest.withProcessor ?? 0, withProcessor);
    }
    this.#cpu = process.threadCpuUsage();
    this.#clock = clock;
    this.#waited = waited;
  }
}

/** Milliseconds in which this thread was ready to run and had no processor, since its start. */
function waitedForProcessor(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[1]) / 1e6;
}

/** Milliseconds of each run; what a run answers is run afterwards, off the clock, as is a turn of the event loop. */
async function times(count: number, run: (n: number) => Promise<unknown>): Promise<number[]> {
  const spent: number[] = [];
  for (let n = 0; n < count; n++) {
    const started = performance.now();
    const after = await run(n);
    spent.push(performance.now() - started);
    if (typeof after === 'function') await after();
    await new Promise(setImmediate);
  }
  return spent;
}

function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
}

function cpuMilliseconds(since: NodeJS.CpuUsage, runs: number): number {
  const { user, system } = process.cpuUsage(since);
  return round((user + system) / 1000 / runs);
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function bytesIn(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(path.join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}
