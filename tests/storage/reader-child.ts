// Opens the memory in argv[2] as argv[3] ('reader' or 'writer') and answers each line on its input with what it sees.
import { createInterface } from 'node:readline';
import { createFeatureStorage, StorageError } from '../../src/storage/index.ts';
import { direction } from './vectors.ts';

const storage = createFeatureStorage({ indexPath: process.argv[2]!, readOnly: process.argv[3] === 'reader' });
try {
  await storage.initialize();
  const changes: string[] = [];
  storage.watch().subscribe(({ kind, id }) => changes.push(`${kind} ${id}`));
  console.log('open');
  for await (const line of createInterface(process.stdin)) {
    const similar = await storage.findSimilarPatterns(direction(Number(line)), { maxResults: 1 });
    const refused = await storage.deletePattern('x').catch((error: StorageError) => error.code);
    const seen = { count: await storage.countPatterns(), nearest: similar[0]?.pattern.id, refused, changes };
    console.log(JSON.stringify(seen));
  }
} catch (error) {
  console.log(error instanceof StorageError ? error.code : `${error}`);
}
await storage.close();
