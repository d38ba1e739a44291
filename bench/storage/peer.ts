import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const folder = new URL('../peers/', import.meta.url);

/** Installs the peers into bench/peers; those that cannot be are reported as missing by whoever wants them. */
export function installPeers(say: (line: string) => void): void {
  if (existsSync(new URL('node_modules', folder))) return;
  say('installing the peers into bench/peers (once)');
  const { status, stderr } = spawnSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 600_000,
    env: { ...process.env, ...headersOfThisNode() },
  });
  if (status !== 0) say(`npm could not install all peers: ${stderr?.split('\n')[0] ?? 'no npm'}`);
}

/**
 * Peers that are compiled need the headers of the Node that runs them. The `node` package brings its own; without them
 * npm may take those of another Node that is installed, and better-sqlite3 would not load.
 */
function headersOfThisNode(): NodeJS.ProcessEnv {
  const node = path.dirname(createRequire(import.meta.url).resolve('node/package.json'));
  const files = path.join(node, 'node_modules', `node-${process.platform}-${process.arch}`);
  return existsSync(path.join(files, 'include', 'node', 'node.h')) ? { npm_config_nodedir: files } : {};
}

/** A module of bench/peers. Throws when it is not installed. */
export function peer<Module>(name: string): Module {
  return createRequire(new URL('package.json', folder))(name) as Module;
}
