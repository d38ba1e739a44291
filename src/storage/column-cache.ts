import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { memoryFiles } from './memory-path.ts';
import { blockRows, type ColumnBlock, numericColumns, type PatternColumns } from './pattern-columns.ts';

/**
 * The columns as a file, so that a start need not read every record: a head of JSON with its length before it,
 * then per slice of a block the numeric columns, the ids' lengths and the ids; at the end the CRC-32 of all that.
 *
 * It is written while the memory is in use, slice by slice. A row that changes meanwhile is in the change log after
 * `sequence`, and is read from its record by whoever loads the file.
 */
interface Head {
  format: 'earmark-columns.v3';
  memory: string;
  sequence: number;
  slices: { rows: number; idBytes: number }[];
  types: (string | null)[];
  sources: (string | null)[];
  labels: (string | null)[];
  refused: (string | null)[];
  tags: (string | null)[];
}

const encoder = new TextEncoder();
// A mark at the start of a text is the first character of an id like any other.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const format = 'earmark-columns.v3';
/** Packed in one turn of the event loop; a whole block would take 40 ms. Divides `blockRows`. */
const sliceRows = 8_192;

export async function saveColumns(
  folder: string,
  columns: PatternColumns,
  owner: { memory: string; sequence: number },
): Promise<void> {
  const file = path.join(folder, memoryFiles.columns);
  const temporary = `${file}.tmp`;
  const slices: { rows: number; idBytes: number }[] = [];
  const pieces: Uint8Array[] = [];
  for (const block of columns.blocks) {
    for (let first = 0; first < blockRows; first += sliceRows) {
      const { rows, bytes, idBytes } = packSlice(block, first);
      slices.push({ rows, idBytes });
      pieces.push(bytes);
      await new Promise(setImmediate);
    }
  }
  // The strings last: a row packed above may use a code that was new then, none that is new now.
  const head: Head = {
    format,
    ...owner,
    slices,
    types: columns.types.table(),
    sources: columns.sources.table(),
    labels: columns.labels.table(),
    refused: columns.refused.table(),
    tags: columns.tags.table(),
  };
  const text = encoder.encode(JSON.stringify(head));
  const first = Buffer.alloc(4 + text.length);
  first.writeUInt32LE(text.length);
  first.set(text, 4);
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      let sum = 0;
      for (const piece of [first, ...pieces]) {
        sum = crc32(piece, sum);
        await handle.writeFile(piece);
      }
      const end = Buffer.alloc(4);
      end.writeUInt32LE(sum);
      await handle.writeFile(end);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Fills empty columns and answers the transaction that they show; or says why the file is of no use. */
export async function loadColumns(
  folder: string,
  columns: PatternColumns,
  memory: string,
  mayUse: (sequence: number) => boolean,
): Promise<number | { refused: string }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path.join(folder, memoryFiles.columns));
  } catch (error) {
    return { refused: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'are missing' : 'cannot be read' };
  }
  if (bytes.length < 8 || !(await isWhole(bytes))) return { refused: 'are damaged' };
  const headBytes = bytes.readUInt32LE(0);
  const head = JSON.parse(decoder.decode(bytes.subarray(4, 4 + headBytes))) as Head;
  if (head.format !== format || head.memory !== memory) return { refused: 'belong to another memory' };
  if (!mayUse(head.sequence)) return { refused: 'are too old' };
  columns.types.restore(head.types);
  columns.sources.restore(head.sources);
  columns.labels.restore(head.labels);
  columns.refused.restore(head.refused);
  columns.tags.restore(head.tags);
  let offset = 4 + headBytes;
  for (const [number, { rows, idBytes }] of head.slices.entries()) {
    const block = columns.blockFor(number * sliceRows);
    const first = (number * sliceRows) % blockRows;
    offset = unpackSlice(bytes, offset, block, first, rows, idBytes);
    claim(columns, block, first, rows);
    await new Promise(setImmediate);
  }
  columns.types.sweep();
  columns.sources.sweep();
  columns.labels.sweep();
  columns.refused.sweep();
  columns.tags.sweep();
  return head.sequence;
}

async function isWhole(bytes: Buffer): Promise<boolean> {
  const end = bytes.length - 4;
  let sum = 0;
  for (let at = 0; at < end; at += 16 * 1024 * 1024) {
    sum = crc32(bytes.subarray(at, Math.min(end, at + 16 * 1024 * 1024)), sum);
    await new Promise(setImmediate);
  }
  return sum === bytes.readUInt32LE(end);
}

function packSlice(block: ColumnBlock, first: number): { rows: number; bytes: Uint8Array; idBytes: number } {
  let rows = sliceRows;
  while (rows > 0 && block.type[first + rows - 1] === 0) rows--;
  const lengths = new Uint32Array(rows);
  const ids = new Array<string>(rows);
  for (let row = 0; row < rows; row++) {
    ids[row] = block.ids[first + row] ?? '';
    lengths[row] = ids[row]!.length;
  }
  const text = encoder.encode(ids.join(''));
  const columns = [...numericColumns.map((name) => block[name].subarray(first, first + rows)), lengths];
  const bytes = new Uint8Array(columns.reduce((sum, column) => sum + column.byteLength, 0) + text.length);
  let offset = 0;
  for (const column of columns) {
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), offset);
    offset += column.byteLength;
  }
  bytes.set(text, offset);
  return { rows, bytes, idBytes: text.length };
}

function unpackSlice(
  bytes: Buffer,
  from: number,
  block: ColumnBlock,
  first: number,
  rows: number,
  idBytes: number,
): number {
  let offset = from;
  const fill = (column: Uint32Array | Float64Array, start: number) => {
    const length = rows * column.BYTES_PER_ELEMENT;
    const target = new Uint8Array(column.buffer, column.byteOffset + start * column.BYTES_PER_ELEMENT);
    target.set(bytes.subarray(offset, offset + length));
    offset += length;
  };
  for (const name of numericColumns) fill(block[name], first);
  const lengths = new Uint32Array(rows);
  fill(lengths, 0);
  const text = decoder.decode(bytes.subarray(offset, offset + idBytes));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const end = at + lengths[row]!;
    if (block.type[first + row] !== 0) block.ids[first + row] = text.slice(at, end);
    at = end;
  }
  return offset + idBytes;
}

function claim(columns: PatternColumns, block: ColumnBlock, first: number, rows: number): void {
  for (let row = first; row < first + rows; row++) {
    if (block.type[row] === 0) continue;
    columns.types.claim(block.type[row]!);
    columns.sources.claim(block.source[row]!);
    if (block.label[row] !== 0) columns.labels.claim(block.label[row]!);
    columns.refused.claim(block.refused[row]!);
    columns.tags.claim(block.tags[row]!);
    columns.count += 1;
  }
}
