import { fstatSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { checksum, publishSidecar, verifySavedGraph } from '../../src/storage/graph-file.ts';
import { GraphView } from '../../src/storage/graph-view.ts';
import type { GraphSidecar } from '../../src/storage/search-request.ts';
import { temporaryFolder } from './temporary-folder.ts';

const owner = { memory: 'm', dimensions: 8, distanceMetric: 'cosine' } as const;

function sidecarOf(file: string, bytes: number, crc32: number): GraphSidecar {
  return {
    format: 'earmark-graph.v1',
    ...owner,
    file: path.basename(file),
    bytes,
    crc32,
    count: 3,
    sequence: 17,
  };
}

it('a graph that is gone when its turn comes costs no descriptor of the process', () => {
  const gone = path.join(temporaryFolder(), 'graph-17.usearch');
  const before = fstatSync(0).ino;
  expect(() => new GraphView(gone, sidecarOf(gone, 0, 0))).toThrow('ENOENT');
  expect(fstatSync(0).ino).toBe(before);
});

it('a graph is not believed to know transactions after its own', () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'graph-17.usearch');
  writeFileSync(file, 'a graph');
  const sidecar = sidecarOf(file, statSync(file).size, checksum(file));
  publishSidecar(folder, sidecar);
  expect(verifySavedGraph(folder, owner)).toEqual(sidecar);
  // One flipped bit.
  publishSidecar(folder, { ...sidecar, sequence: 37 });
  expect(verifySavedGraph(folder, owner)).toEqual({ refused: 'has a damaged sidecar' });
});
