import { existsSync } from 'node:fs';
import path from 'node:path';

/** The folder of this package, found from the sources as well as from `dist/`. */
export const packageFolder: string = (() => {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
})();

/** The sounds that come with the package. */
export const sampleSounds: string = path.join(packageFolder, 'flows', 'sounds');
