import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/** The order of docs/architecture.md: a folder may import from those before it, never from those behind. */
const layers = [
  ['src/errors.ts', 'src/pattern.ts'],
  ['src/audio'],
  ['src/health'],
  ['src/bridge'],
  ['src/storage'],
  ['src/recognition'],
  ['src/pipelines'],
  ['src/sounds'],
  ['src/evaluation'],
  ['src/index.ts', 'src/cli'],
  ['nodes'],
];

function layerOf(file: string): number {
  return layers.findIndex((layer) => layer.some((part) => file === part || file.startsWith(`${part}/`)));
}

const sources = ['src', 'nodes'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.posix.join(folder, name.replaceAll(path.sep, '/'))),
);

it('gives every source a layer', () => {
  expect(sources.filter((file) => layerOf(file) === -1)).toEqual([]);
});

it('lets nothing lower import anything higher', () => {
  const upward = sources.flatMap((file) => {
    const text = readFileSync(path.join(root, file), 'utf8');
    return [...text.matchAll(/(?:from|import) '(\.[^']+)'/g)]
      .map((match) => path.posix.join(path.posix.dirname(file), match[1]!))
      .filter((imported) => layerOf(imported) > layerOf(file))
      .map((imported) => `${file} imports ${imported}`);
  });
  expect(upward).toEqual([]);
});
