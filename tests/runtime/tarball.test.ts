import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { NodeRed, temporaryUserDir } from './node-red.ts';

const run = promisify(execFile);
const root = path.dirname(path.dirname(import.meta.dirname));
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  name: string;
  dependencies: Record<string, string>;
  'node-red': { nodes: Record<string, string> };
};

/** npm's own program, to be run under the Node.js that runs this test: `--engine-strict` looks at that. */
function npmProgram(): string {
  if (process.env.npm_execpath) return process.env.npm_execpath;
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    try {
      return realpathSync(path.join(folder, 'npm'));
    } catch {
      // The next folder may have it.
    }
  }
  throw new Error('npm is not in the PATH.');
}

const npm = (args: string[], cwd: string) =>
  run(process.execPath, [npmProgram(), ...args], { cwd, timeout: 120_000, maxBuffer: 10_000_000 });

describe('the packed package', { timeout: 180_000 }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'earmark-tarball-'));
  const userDir = temporaryUserDir();
  let nodeRed: NodeRed | undefined;

  beforeAll(async () => {
    await build();
    await npm(['pack', '--ignore-scripts', '--pack-destination', folder], root);
    const [tarball] = readdirSync(folder);
    // What Node-RED writes into a new user directory.
    const project = {
      name: 'node-red-project',
      description: 'A Node-RED Project',
      version: '0.0.1',
      private: true,
    };
    writeFileSync(path.join(userDir, 'package.json'), JSON.stringify(project));
    // The flags of the palette manager (@node-red/registry/lib/installer.js); what `npm ci` has fetched is not fetched again.
    const flags = [
      '--no-audit',
      '--no-update-notifier',
      '--no-fund',
      '--save',
      '--save-prefix=~',
      '--omit=dev',
      '--engine-strict',
    ];
    await npm(['install', ...flags, '--prefer-offline', path.join(folder, tarball!)], userDir);
    nodeRed = await NodeRed.start({ userDir, flows: [], installed: true });
  }, 240_000);
  afterAll(async () => {
    await nodeRed?.stop();
    rmSync(folder, { recursive: true, force: true });
    rmSync(userDir, { recursive: true, force: true });
  });

  it('brings its own dependencies and nothing of what only its development needs', () => {
    const installed = readdirSync(path.join(userDir, 'node_modules'));
    expect(installed).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
    for (const name of ['node-red', 'vitest', 'typescript', 'esbuild']) expect(installed).not.toContain(name);
  });

  it('has every node there, each without an error', async () => {
    const answer = await nodeRed!.get('/nodes', { accept: 'application/json' });
    const sets = (
      (await answer.json()) as { module: string; name: string; types: string[]; enabled: boolean }[]
    )
      .filter(({ module }) => module === manifest.name)
      .map(({ name, types, enabled, ...set }) => ({
        name,
        types,
        enabled,
        error: (set as { err?: string }).err,
      }));
    const types = Object.keys(manifest['node-red'].nodes);
    expect(sets.map(({ name }) => name).sort()).toEqual([...types].sort());
    for (const set of sets) {
      expect(set).toEqual({ name: set.name, types: [set.name], enabled: true, error: undefined });
    }
    expect(nodeRed!.log.filter((line) => line.includes('[error]'))).toEqual([]);
  });

  it('deploys a node of each type without an error', async () => {
    const types = Object.keys(manifest['node-red'].nodes);
    const before = nodeRed!.log.length;
    await nodeRed!.deploy([
      { id: 'tab', type: 'tab', label: 'one of each' },
      { id: 'bridge-1', type: 'earmark-bridge', mode: 'remote', url: 'http://127.0.0.1:9' },
      { id: 'memory-1', type: 'earmark-memory', folder: 'one-of-each' },
      ...types
        .filter((type) => type !== 'earmark-bridge' && type !== 'earmark-memory')
        .map((type) => ({
          id: `one-${type}`,
          type,
          z: 'tab',
          bridge: 'bridge-1',
          memory: 'memory-1',
          source: 'message',
          cut: 'sounds',
          labelType: 'str',
          wires: [],
        })),
    ]);
    // Each says how it stands: the bridge is not there, the memory is.
    await nodeRed!.status('one-earmark-capture', 'status.waiting');
    await nodeRed!.status('one-earmark-wav2vec2-extract', 'status.bridge-away');
    for (const type of ['store-pattern', 'query', 'similar']) {
      await nodeRed!.status(`one-earmark-${type}`, 'status.ready');
    }
    expect(nodeRed!.log.slice(before).filter((line) => /\[(error|warn)\]|Error/.test(line))).toEqual([]);
  });

  it('brings its examples, its sounds and the sidebar', async () => {
    const flow = `/library/examples/flows/${manifest.name}/sound-memory`;
    expect((await nodeRed!.get(flow)).status).toBe(200);
    const plugins = await (await nodeRed!.get('/plugins', { accept: 'text/html' })).text();
    expect(plugins).toContain('RED.plugins.registerPlugin("earmark-sounds"');
    const capture = {
      id: 'capture',
      type: 'earmark-capture',
      z: 'tab',
      source: 'file',
      path: 'words/01-hello.wav',
      pathType: 'str',
      cut: 'sounds',
      pace: 'fast',
      autoStart: true,
      format: 'raw',
      wires: [[]],
    };
    await nodeRed!.deploy([{ id: 'tab', type: 'tab', label: 'tab' }, capture]);
    await nodeRed!.status('capture', 'finished 1');
  });
});
