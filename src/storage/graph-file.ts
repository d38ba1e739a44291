import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { memoryFiles } from './memory-path.ts';
import type { DistanceMetric } from './options.ts';
import type { GraphSidecar } from './search-request.ts';

/** What a saved graph must be of to be used. */
export interface GraphOwner {
  memory: string;
  dimensions: number;
  distanceMetric: DistanceMetric;
}

/** The saved graph's sidecar when graph and sidecar are whole and belong here; otherwise why not. */
export function verifySavedGraph(folder: string, owner: GraphOwner): GraphSidecar | { refused: string } {
  let sidecar: GraphSidecar;
  try {
    sidecar = JSON.parse(readFileSync(path.join(folder, memoryFiles.graphSidecar), 'utf8')) as GraphSidecar;
  } catch (error) {
    return {
      refused:
        (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : 'has an unreadable sidecar',
    };
  }
  if (
    sidecar?.format !== 'earmark-graph.v1' ||
    !Number.isSafeInteger(sidecar.sequence) ||
    // A later transaction than the graph's own would hide what was stored in between.
    sidecar.file !== graphFileName(sidecar.sequence) ||
    !Number.isSafeInteger(sidecar.count)
  ) {
    return { refused: 'has a damaged sidecar' };
  }
  if (
    sidecar.memory !== owner.memory ||
    sidecar.dimensions !== owner.dimensions ||
    sidecar.distanceMetric !== owner.distanceMetric
  ) {
    return { refused: 'belongs to another memory' };
  }
  try {
    const file = path.join(folder, sidecar.file);
    if (statSync(file).size !== sidecar.bytes || checksum(file) !== sidecar.crc32)
      return { refused: 'is damaged' };
  } catch {
    return { refused: 'cannot be read' };
  }
  return sidecar;
}

/** CRC-32 of a file, read in pieces. */
export function checksum(file: string): number {
  const descriptor = openSync(file, 'r');
  try {
    const piece = Buffer.allocUnsafe(1024 * 1024);
    let sum = 0;
    for (;;) {
      const read = readSync(descriptor, piece, 0, piece.length, null);
      if (read === 0) return sum;
      sum = crc32(piece.subarray(0, read), sum);
    }
  } finally {
    closeSync(descriptor);
  }
}

export function graphFileName(sequence: number): string {
  return `graph-${sequence}.usearch`;
}

export function isGraphFile(name: string): boolean {
  return /^graph-\d{1,16}\.usearch$/.test(name);
}

/** The sidecar's new name is the moment at which a new graph counts. */
export function publishSidecar(folder: string, sidecar: GraphSidecar): void {
  const file = path.join(folder, memoryFiles.graphSidecar);
  const temporary = `${file}.tmp`;
  const descriptor = openSync(temporary, 'w', 0o600);
  try {
    writeSync(descriptor, JSON.stringify(sidecar));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  syncFolder(folder);
}

export function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r');
    fsyncSync(descriptor);
    closeSync(descriptor);
  } catch {
    // Not every system can; the rename is then as durable as it gets.
  }
}

/** Removes temporary files and graphs other than `keep`, left by a process that was killed. */
export function removeOldGraphs(folder: string, keep: string | undefined): void {
  for (const name of readdirSync(folder)) {
    if ((isGraphFile(name) && name !== keep) || name.endsWith('.usearch.tmp') || name === 'graph.json.tmp') {
      rmSync(path.join(folder, name), { force: true });
    }
  }
}
