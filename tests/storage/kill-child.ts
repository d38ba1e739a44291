// Writes to the memory in argv[2] until it is killed, and says before and after each write what it does.
import { writeSync } from 'node:fs';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { firstNumbers, killedOptions, type Operation, versioned } from './kill-rounds.ts';

const [folder, seed, firstVersion] = process.argv.slice(2);
let state = Number(seed);
const random = (below: number) => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const say = (word: 'try' | 'done', operation: Operation) =>
  writeSync(1, `${word} ${JSON.stringify(operation)}\n`);

const storage = createFeatureStorage({ ...killedOptions, indexPath: folder! });
await storage.initialize();
writeSync(1, 'open\n');
let version = Number(firstVersion);
while (true) {
  version += 1;
  const choice = random(10);
  const count = choice < 4 ? 1 : 1 + random(400);
  const operation: Operation =
    choice === 9
      ? { kind: 'delete', numbers: [random(firstNumbers)], version }
      : { kind: 'store', numbers: Array.from({ length: count }, () => random(firstNumbers + 500)), version };
  say('try', operation);
  if (operation.kind === 'delete') await storage.deletePattern(`k${operation.numbers[0]}`);
  else await storage.storePatterns(operation.numbers.map((number) => versioned(number, version)));
  say('done', operation);
  if (choice === 5 && random(4) === 0) await storage.flush();
}
