import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The package's own folder: the sources lie in it as they are, the built files below `dist/`. */
export const packageFolder = findUp(import.meta.dirname);

export function packageVersion(): string {
  const manifest = readFileSync(path.join(packageFolder, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function findUp(folder: string): string {
  if (existsSync(path.join(folder, 'package.json'))) return folder;
  return findUp(path.dirname(folder));
}
