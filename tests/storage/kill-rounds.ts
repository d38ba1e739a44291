import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createInterface } from 'node:readline';
import {
  createFeatureStorage,
  type FeatureStorageOptions,
  type NewStoredPattern,
} from '../../src/storage/index.ts';

/** Enough for a graph, so that its saving is killed too, and sometimes one too many for retention. */
export const firstNumbers = 12_400;
export const killedOptions = {
  dimensions: 16,
  maxPatterns: 12_600,
  saveEvery: { changes: 100, milliseconds: 150 },
} satisfies Partial<FeatureStorageOptions>;

export interface Operation {
  kind: 'store' | 'delete';
  numbers: number[];
  version: number;
}

/** Vector and metadata both follow from number and version: a torn record would not fit together. */
export function versioned(number: number, version: number): NewStoredPattern {
  return {
    pattern: {
      id: `k${number}`,
      startTime: version,
      endTime: version,
      frequencyRange: { low: 0, high: 1 },
      confidence: 1,
      type: 'sound',
      features: Float32Array.from({ length: 16 }, (_, i) => Math.cos(number * (i + 1) + version)),
    },
    metadata: { sourceId: 'kill', createdAt: version, version },
    clip: new Uint8Array(8).fill(version & 255),
  };
}

export interface KillReport {
  rounds: number;
  acknowledged: number;
  patterns: number;
}

/** Starts a writer, kills it at a random moment, and checks what is left; again and again on one memory. */
export async function killRounds(
  folder: string,
  rounds: number,
  onRound?: (round: number) => void,
): Promise<KillReport> {
  /** The last version that must be there, by number. Deleted ones are absent. */
  const expected = new Map<number, number>();
  const first = createFeatureStorage({ ...killedOptions, indexPath: folder });
  await first.initialize();
  await first.storePatterns(Array.from({ length: firstNumbers }, (_, number) => versioned(number, 0)));
  for (let number = 0; number < firstNumbers; number++) expected.set(number, 0);
  await first.flush();
  await first.close();

  let version = 0;
  let acknowledged = 0;
  let patterns = 0;
  for (let round = 0; round < rounds; round++) {
    const { done, open } = await killOne(folder, version, round);
    for (const operation of done) apply(expected, operation);
    acknowledged += done.length;
    version = Math.max(version, open?.version ?? 0, ...done.map((one) => one.version));
    patterns = await check(folder, expected, open);
    onRound?.(round);
  }
  return { rounds, acknowledged, patterns };
}

/** What was acknowledged before the kill, and the one operation that was not. */
async function killOne(
  folder: string,
  version: number,
  seed: number,
): Promise<{ done: Operation[]; open: Operation | undefined }> {
  const script = new URL('./kill-child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, folder, `${seed + 1}`, `${version}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  const done: Operation[] = [];
  let open: Operation | undefined;
  let killed = false;
  // Also while it opens: then it is killed at most a second after its start.
  let timer = setTimeout(kill, seed % 5 === 4 ? randomInt(100, 1000) : 30_000);
  function kill() {
    killed = true;
    child.kill('SIGKILL');
  }
  for await (const line of createInterface(child.stdout)) {
    if (line === 'open' && seed % 5 !== 4) {
      clearTimeout(timer);
      timer = setTimeout(kill, randomInt(5, 700));
    }
    const [word, json] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
    if (word === 'try') open = parse(json);
    const finished = word === 'done' ? parse(json) : undefined;
    if (finished !== undefined) {
      done.push(finished);
      open = undefined;
    }
  }
  clearTimeout(timer);
  if (!killed) throw new Error(`The writer ended by itself: ${complaint}`);
  return { done, open };
}

/** The last line may be cut off. */
function parse(json: string): Operation | undefined {
  try {
    return JSON.parse(json) as Operation;
  } catch {
    return undefined;
  }
}

function apply(expected: Map<number, number>, operation: Operation): void {
  for (const number of operation.numbers) {
    if (operation.kind === 'store') expected.set(number, operation.version);
    else expected.delete(number);
  }
}

/** Compares the memory with what was acknowledged, adopts what the open operation did, and answers the count. */
async function check(
  folder: string,
  expected: Map<number, number>,
  open: Operation | undefined,
): Promise<number> {
  const { maxPatterns: _, ...options } = killedOptions;
  const storage = createFeatureStorage({ ...options, indexPath: folder });
  await storage.initialize();
  try {
    const report = await storage.verify();
    if (!report.ok) throw new Error(`verify: ${JSON.stringify(report.problems.slice(0, 5))}`);
    const found = new Map<number, number>();
    for await (const { pattern, metadata } of storage.iteratePatterns({ sortBy: 'id' })) {
      const number = Number(pattern.id.slice(1));
      const version = metadata.version as number;
      const whole = versioned(number, version);
      const clip = await storage.getClip(pattern.id);
      if (
        pattern.startTime !== version ||
        !Buffer.from(pattern.features.buffer).equals(Buffer.from(whole.pattern.features.buffer)) ||
        clip?.[0] !== (version & 255)
      ) {
        throw new Error(`"${pattern.id}" is torn`);
      }
      found.set(number, version);
    }
    if (open !== undefined) adoptOpen(expected, found, open);
    let newestForgotten = -1;
    for (const [number, version] of expected) {
      if (found.get(number) === version) continue;
      if (found.has(number)) throw new Error(`k${number} is of ${found.get(number)}, not of ${version}`);
      // Gone: only retention may have taken it, and retention takes the oldest first.
      newestForgotten = Math.max(newestForgotten, version);
      expected.delete(number);
    }
    for (const [number, version] of found) {
      if (!expected.has(number)) throw new Error(`k${number} is back`);
      if (version < newestForgotten)
        throw new Error(`k${number} of ${version} is there, ${newestForgotten} is not`);
    }
    return found.size;
  } finally {
    await storage.close();
  }
}

/** An unacknowledged operation happened as a whole or not at all. */
function adoptOpen(expected: Map<number, number>, found: Map<number, number>, open: Operation): void {
  const happened =
    open.kind === 'store'
      ? open.numbers.some((number) => found.get(number) === open.version)
      : !found.has(open.numbers[0]!);
  if (happened) apply(expected, open);
}
