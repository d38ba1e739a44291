import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { killRounds } from '../../tests/storage/kill-rounds.ts';

/** `npm run soak -- storage-kill [--rounds 200]`: a writer is killed at random moments, nothing may be lost. */
export async function run({ args }: { args: string[] }): Promise<Record<string, unknown>> {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '200' } } });
  const folder = mkdtempSync(path.join(tmpdir(), 'earmark-kill-'));
  try {
    const report = await killRounds(folder, Number(values.rounds), (round) => {
      if (round % 10 === 9) process.stderr.write(`${round + 1} rounds\n`);
    });
    return { ...report };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
