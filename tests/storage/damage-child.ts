// Damages copies of the memory in argv[2] and opens each; says what came of it, a line of JSON per case.
// Runs in a process of its own, because a native crash ends it.
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { createFeatureStorage, StorageError, type StorageHealthEvent } from '../../src/storage/index.ts';
import { damagedPatterns, type Outcome, queryVector } from './damaged-memory.ts';

const [template, scratch, wanted, damageNames] = process.argv.slice(2) as [string, string, string, string];
let state = 7;
const random = (below: number) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

const damages: Record<string, (file: string, folder: string) => void> = {
  'cut in half': (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
  'cut by one byte': (file) => truncateSync(file, readFileSync(file).length - 1),
  'cut to 10 bytes': (file) => truncateSync(file, 10),
  empty: (file) => truncateSync(file, 0),
  garbage: (file) => writeFileSync(file, Buffer.from(readFileSync(file).map(() => random(256)))),
  zeros: (file) => writeFileSync(file, Buffer.alloc(readFileSync(file).length)),
  'longer than it was': (file) => writeFileSync(file, Buffer.alloc(5000, 7), { flag: 'a' }),
  deleted: (file) => rmSync(file),
  'swapped for another': (file, folder) => cpSync(path.join(folder, other(path.basename(file))), file),
  'read-only': (file) => chmodSync(file, 0o400),
  'a folder': (file) => {
    rmSync(file);
    mkdirSync(file);
  },
  'bits flipped': (file) => flip(file, 1 + random(20)),
};

function other(name: string): string {
  return name === 'memory.mdb' ? 'columns.cache' : 'memory.mdb';
}

/** Half of the flips go where LMDB and usearch keep structure: the first and last parts of a file. */
function flip(file: string, count: number): void {
  const bytes = readFileSync(file);
  for (let i = 0; i < count; i++) {
    const at = random(2) === 0 ? random(bytes.length) : random(Math.min(bytes.length, 65_536));
    bytes[at]! ^= 1 << random(8);
  }
  writeFileSync(file, bytes);
}

for (const [number, name] of damageNames.split(',').entries()) {
  const folder = path.join(scratch, `${number}`);
  cpSync(template, folder, { recursive: true });
  damages[name]!(path.join(folder, wanted), folder);
  writeSync(
    1,
    `${JSON.stringify({ file: wanted, damage: name, ...(await open(folder)) } satisfies Outcome)}\n`,
  );
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

async function open(folder: string): Promise<Omit<Outcome, 'file' | 'damage'>> {
  const events: StorageHealthEvent['kind'][] = [];
  const storage = createFeatureStorage({ indexPath: folder, onHealthEvent: ({ kind }) => events.push(kind) });
  try {
    await storage.initialize();
    const patterns = await storage.countPatterns();
    let listed = 0;
    for await (const _ of storage.iteratePatterns({ sortBy: 'id' })) listed += 1;
    const similar = await storage.findSimilarPatterns(queryVector, { maxResults: 3 });
    const report = await storage.verify();
    await storage.storePattern({ ...damagedPatterns(1, 1)[0]!.pattern, id: 'new' }, { sourceId: 'after' });
    await storage.deletePatterns({ sortBy: 'id', limit: 20 });
    await storage.close();
    return {
      patterns,
      listed,
      similar: similar.map(({ pattern }) => pattern.id),
      problems: report.problems.length,
      events,
    };
  } catch (error) {
    const outcome = { error: error instanceof StorageError ? error.code : `${error}`, events };
    await storage.close().catch(() => undefined);
    return outcome;
  }
}
