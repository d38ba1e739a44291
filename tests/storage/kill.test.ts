import { expect, it } from 'vitest';
import { killRounds } from './kill-rounds.ts';
import { temporaryFolder } from './temporary-folder.ts';

it('loses nothing that was acknowledged when the process is killed', async () => {
  const report = await killRounds(temporaryFolder(), 5);
  expect(report.rounds).toBe(5);
  expect(report.acknowledged).toBeGreaterThan(5);
}, 300_000);
