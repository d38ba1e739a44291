// Everything that `npm test` runs, in the order in which a failure is cheapest to see.
// Run through scripts/setup.mjs, which has installed the npm packages and started Node 24.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const reports = mkdtempSync(path.join(os.tmpdir(), 'earmark-test-'));
const failures = [];
const totals = { passed: 0, failed: 0, skipped: 0 };

function step(title, command, args, cwd = root) {
  const started = Date.now();
  console.log(`\n── ${title}`);
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (status !== 0) failures.push(title);
  console.log(
    `── ${title}: ${status === 0 ? 'ok' : `FAILED${error ? ` (${error.message})` : ''}`} in ${seconds} s`,
  );
}

function countVitest(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  totals.passed += report.numPassedTests;
  totals.failed += report.numFailedTests;
  totals.skipped += report.numPendingTests;
}

function countPytest(file) {
  const suite = readFileSync(file, 'utf8').match(/<testsuite [^>]*>/)?.[0] ?? '';
  const count = (name) => Number(suite.match(new RegExp(`${name}="(\\d+)"`))?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  totals.failed += failed;
  totals.skipped += count('skipped');
  totals.passed += count('tests') - failed - count('skipped');
}

const { projectPython } = await build().then(() => import('./python.mjs'));
const python = await projectPython(['requirements.txt', 'requirements-test.txt']);
const bin = (name) => path.join(root, 'node_modules', '.bin', name);
const bridge = path.join(root, 'python-bridge');
const vitest = path.join(reports, 'vitest.json');
const pytest = path.join(reports, 'pytest.xml');

step('Lint and format (Biome)', bin('biome'), ['check', '--error-on-warnings', '.']);
step('Types of tests and benchmarks (tsc)', bin('tsc'), ['-p', 'tsconfig.test.json']);
step('Python: ruff, mypy and tests (pytest)', python, ['-m', 'pytest', '-q', `--junitxml=${pytest}`], bridge);
step('TypeScript tests (vitest)', bin('vitest'), [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${vitest}`,
  ...process.argv.slice(2),
]);

for (const [count, file] of [
  [countVitest, vitest],
  [countPytest, pytest],
]) {
  try {
    count(file);
  } catch (error) {
    failures.push(`no readable report ${path.basename(file)} (${error.message})`);
  }
}
rmSync(reports, { recursive: true, force: true });
if (failures.length > 0) console.log(`\nFailed: ${failures.join('; ')}`);
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(failures.length === 0 && totals.failed === 0 ? 0 : 1);
