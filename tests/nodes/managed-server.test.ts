import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { ManagedServer } from '../../nodes/earmark-bridge/managed-server.ts';
import { packageFolder } from '../../nodes/package-folder.ts';
import { HealthMonitor } from '../../src/health/health-monitor.ts';

vi.mock('../../nodes/package-folder.ts', async () => {
  const { mkdtempSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  return { packageFolder: mkdtempSync(`${tmpdir()}/earmark-clone-`) };
});

afterAll(() => rm(packageFolder, { recursive: true, force: true }));

test('completes an environment whose making was cut off', { timeout: 60_000 }, async () => {
  const server = path.join(packageFolder, 'python-bridge');
  await mkdir(server);
  await writeFile(path.join(server, 'requirements.txt'), '');
  await writeFile(path.join(server, 'server.py'), 'raise SystemExit("it runs")');
  const half = path.join(packageFolder, '.venv', process.platform === 'win32' ? 'Scripts' : 'bin');
  await mkdir(half, { recursive: true });
  await writeFile(path.join(half, process.platform === 'win32' ? 'python.exe' : 'python'), '');
  await writeFile(path.join(packageFolder, '.venv', 'pyvenv.cfg'), '');
  const userDir = await mkdtemp(path.join(tmpdir(), 'earmark-user-'));
  using health = new HealthMonitor();
  const managed = new ManagedServer({ userDir, python: '', log: () => {}, health });
  const starting = managed.start(() => {}, new AbortController().signal);
  await expect(starting).rejects.toThrow('it runs');
  await rm(userDir, { recursive: true });
});
