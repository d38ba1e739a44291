import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const folder = new URL('../peers/', import.meta.url);

/** Installs the peers into bench/peers; those that cannot be are reported as missing by whoever wants them. */
export function installPeers(say: (line: string) => void): void {
  if (existsSync(new URL('node_modules', folder))) return;
  say('installing the peers into bench/peers (once)');
  const { status, stderr } = spawnSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 600_000,
  });
  if (status !== 0) say(`npm could not install all peers: ${stderr?.split('\n')[0] ?? 'no npm'}`);
}

/** A module of bench/peers. Throws when it is not installed. */
export function peer<Module>(name: string): Module {
  return createRequire(new URL('package.json', folder))(name) as Module;
}
