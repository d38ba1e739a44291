import { execFileSync } from 'node:child_process';

/** Names of the programs that this process has started and that still run. */
export function liveChildren(): string[] {
  const listed = execFileSync('ps', ['-o', 'stat=,comm=', '--ppid', String(process.pid)], {
    encoding: 'utf8',
  });
  return listed
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([state, name]) => !state?.startsWith('Z') && name !== 'ps')
    .map(([, name]) => name ?? '');
}
