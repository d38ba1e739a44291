import { readSync } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { memoryFiles } from './memory-path.ts';
import { StorageError } from './storage-error.ts';

/**
 * LMDB trusts the pages of its trees and ends the process, or reads wild memory, when one is damaged. So every
 * branch and leaf page is looked at before LMDB is: that every number in it stays inside its page and the file.
 * The layout is that of LMDB's data version 2, little-endian, 64 bit. Records carry a checksum of their own.
 */
const headBytes = 24;
const nodeBytes = 8;
const magic = 0xbeefc0de;
const [branchPage, leafPage] = [1, 2];
const [bigData, subTree, duplicates] = [1, 2, 4];
const integerKeys = 0x08;
const treeBytes = 48;
const deepest = 32;
const longestKey = 1978;
const millisecondsAtOnce = 4;
const pagesAtOnce = 64;
const attempts = 5;

interface Meta {
  pageBytes: number;
  lastPage: number;
  transaction: bigint;
  trees: Tree[];
}

interface Tree {
  flags: number;
  depth: number;
  /** -1 in an empty tree. */
  root: number;
}

/** Throws CORRUPT when the memory's file cannot be opened safely. A file that is not there is safe. */
export async function checkStructure(folder: string): Promise<void> {
  if (process.arch !== 'x64' && process.arch !== 'arm64') return;
  const handle = await openFile(folder);
  if (handle === undefined) return;
  try {
    for (let attempt = 1; ; attempt++) {
      const before = await readMeta(handle);
      const problem = typeof before === 'string' ? before : await new Walk(handle, before).problem();
      if (problem === undefined) return;
      const after = await readMeta(handle);
      // Another process may have used old pages again while they were looked at.
      const changed =
        typeof before !== 'string' && typeof after !== 'string' && before.transaction !== after.transaction;
      if (changed && attempt === attempts) return;
      if (!changed && attempt > 1) throw corrupt(problem);
    }
  } finally {
    await handle.close();
  }
}

async function openFile(folder: string): Promise<FileHandle | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path.join(folder, memoryFiles.patterns), 'r');
    if ((await handle.stat()).size > 0) return handle;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await handle?.close();
  const there = await readdir(folder);
  if (there.includes(memoryFiles.columns) || there.includes(memoryFiles.graphSidecar)) {
    throw corrupt('it is missing or empty, although its caches are there');
  }
  return undefined;
}

async function readMeta(handle: FileHandle): Promise<Meta | string> {
  const { size } = await handle.stat();
  const first = Buffer.alloc(headBytes + 200);
  await handle.read(first, 0, first.length, 0);
  const pageBytes = first.readUInt32LE(headBytes + 24);
  if (first.readUInt32LE(headBytes) !== magic || ![4096, 8192, 16384, 32768, 65536].includes(pageBytes)) {
    return 'its first page is damaged';
  }
  const metas: Meta[] = [];
  for (const page of [0, 1]) {
    const bytes = Buffer.alloc(headBytes + 200);
    await handle.read(bytes, 0, bytes.length, page * pageBytes);
    const meta = bytes.subarray(headBytes);
    if (meta.readUInt32LE(0) !== magic || (meta.readUInt32LE(4) & 0xffff) !== 2)
      return 'one of its first pages is damaged';
    metas.push({
      pageBytes,
      trees: [readTree(meta, 24), readTree(meta, 24 + treeBytes)],
      lastPage: Number(meta.readBigUInt64LE(24 + 2 * treeBytes)),
      transaction: meta.readBigUInt64LE(32 + 2 * treeBytes),
    });
  }
  const [a, b] = metas as [Meta, Meta];
  const newest = a.transaction > b.transaction ? a : b;
  return (newest.lastPage + 1) * pageBytes > size ? 'it was cut off' : newest;
}

function readTree(bytes: Buffer, offset: number): Tree {
  const root = bytes.readBigUInt64LE(offset + 40);
  return {
    flags: bytes.readUInt16LE(offset + 4),
    depth: bytes.readUInt16LE(offset + 6),
    root: root === 2n ** 64n - 1n ? -1 : Number(root),
  };
}

/** One look at all trees of a snapshot. */
class Walk {
  readonly #handle: FileHandle;
  readonly #meta: Meta;
  readonly #seen = new Set<number>();
  /** What is looked at; small vectors lie in leaf pages, which all together may be larger than this computer's memory. */
  readonly #room: Buffer;
  #turnEnds = performance.now() + millisecondsAtOnce;

  constructor(handle: FileHandle, meta: Meta) {
    this.#handle = handle;
    this.#meta = meta;
    this.#room = Buffer.alloc(pagesAtOnce * meta.pageBytes);
  }

  async problem(): Promise<string | undefined> {
    const trees = [...this.#meta.trees];
    for (let tree = trees.pop(); tree !== undefined; tree = trees.pop()) {
      if (tree.root === -1) continue;
      if (tree.depth < 1 || tree.depth > deepest) return 'the depth of a tree is wrong';
      let level = [tree.root];
      for (let depth = 1; depth <= tree.depth; depth++) {
        const below: number[] = [];
        for await (const [page, bytes] of this.#readAll(level)) {
          const isLeaf = depth === tree.depth;
          const problem =
            bytes === undefined ? 'lies outside' : this.#checkPage(page, bytes, tree, isLeaf, below, trees);
          if (problem !== undefined) return `page ${page} ${problem}`;
        }
        level = below;
      }
    }
    return undefined;
  }

  /** The pages of a level, those that lie side by side in one read; each is valid until the next is asked for. */
  async *#readAll(pages: number[]): AsyncGenerator<[number, Buffer | undefined]> {
    const { pageBytes, lastPage } = this.#meta;
    for (let i = 0; i < pages.length; ) {
      let run = 1;
      while (run < pagesAtOnce && pages[i + run] === pages[i]! + run) run++;
      if (!(pages[i]! >= 2 && pages[i]! + run - 1 <= lastPage)) {
        yield [pages[i]!, undefined];
        return;
      }
      // Synchronously: from the page cache that is ten times faster, and the walk pauses below.
      readSync(this.#handle.fd, this.#room, 0, run * pageBytes, pages[i]! * pageBytes);
      for (let n = 0; n < run; n++) {
        await this.#breathe();
        yield [pages[i]! + n, this.#room.subarray(n * pageBytes, (n + 1) * pageBytes)];
      }
      i += run;
    }
  }

  /** Lets the event loop turn now and then. */
  async #breathe(): Promise<void> {
    if (performance.now() < this.#turnEnds) return;
    await new Promise(setImmediate);
    this.#turnEnds = performance.now() + millisecondsAtOnce;
  }

  #checkPage(
    page: number,
    bytes: Buffer,
    tree: Tree,
    isLeaf: boolean,
    below: number[],
    trees: Tree[],
  ): string | undefined {
    if (this.#seen.has(page)) return 'is used twice';
    this.#seen.add(page);
    if (Number(bytes.readBigUInt64LE(0)) !== page) return 'is not where it belongs';
    // LMDB would take it for a page that it may write to.
    if (bytes.readBigUInt64LE(8) > this.#meta.transaction) return 'is of a transaction to come';
    if (bytes.readUInt16LE(18) !== (isLeaf ? leafPage : branchPage)) return 'is of the wrong kind';
    const lower = bytes.readUInt16LE(20);
    const upper = bytes.readUInt16LE(22);
    const room = bytes.length - headBytes;
    const nodes = lower >> 1;
    if (lower % 2 !== 0 || lower > upper || upper > room || nodes === 0) return 'has impossible bounds';
    for (let n = 0; n < nodes; n++) {
      const at = bytes.readUInt16LE(headBytes + 2 * n);
      if (at % 2 !== 0 || at < upper || at + nodeBytes > room) return 'has an impossible entry';
      const node = headBytes + at;
      const low = bytes.readUInt32LE(node);
      const flags = bytes.readUInt16LE(node + 4);
      const keyBytes = bytes.readUInt16LE(node + 6);
      if (at + nodeBytes + keyBytes > room || keyBytes > longestKey) return 'has an impossible key';
      if (!isLeaf) {
        if (n > 0 && tree.flags & integerKeys && keyBytes !== 4 && keyBytes !== 8)
          return 'has an impossible key';
        below.push(low + flags * 2 ** 32);
        continue;
      }
      if (keyBytes === 0 || (tree.flags & integerKeys && keyBytes !== 4 && keyBytes !== 8))
        return 'has an impossible key';
      const data = node + nodeBytes + keyBytes;
      const problem = this.#checkData(bytes, data, low, flags, trees);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #checkData(bytes: Buffer, data: number, size: number, flags: number, trees: Tree[]): string | undefined {
    if (flags & ~(bigData | subTree) || flags === (bigData | subTree) || flags & duplicates)
      return 'has impossible flags';
    if (flags === bigData) {
      if (data + 24 > bytes.length) return 'has an impossible entry';
      const first = Number(bytes.readBigUInt64LE(data));
      const pages = Number(bytes.readBigUInt64LE(data + 16));
      const needed = Math.floor((headBytes - 1 + size) / bytes.length) + 1;
      if (first < 2 || pages < needed || first + pages - 1 > this.#meta.lastPage)
        return 'points outside the file';
      return undefined;
    }
    if (data + size > bytes.length) return 'has an impossible value';
    if (flags === subTree) {
      if (size !== treeBytes) return 'has an impossible tree';
      trees.push(readTree(bytes, data));
    }
    return undefined;
  }
}

function corrupt(problem: string): StorageError {
  return new StorageError(
    'CORRUPT',
    `${memoryFiles.patterns} cannot be read: ${problem}. Restore the memory from a backup, or delete its folder to begin anew.`,
  );
}
