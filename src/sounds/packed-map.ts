import type { Catalogue } from './catalogue.ts';
import type { MapProgress } from './map-progress.ts';

/** What stands before the columns of a packed map. */
export interface MapHeader {
  /** Row numbers are valid for the same generation only. */
  generation: number;
  revision: number;
  progress: MapProgress;
  /** Number of points: sounds that have a place. */
  points: number;
  /** Label names by number. */
  labels: string[];
}

/** A map as the browser draws it. */
export interface PackedMap {
  header: MapHeader;
  /** The row of each point. */
  rows: Uint32Array;
  /** `x, y` pairs, -32767 to 32767 over the wider side of the map, which lies in the middle. */
  positions: Int16Array;
  /** One more than the label's number, 0 without a label. */
  labels: Uint16Array;
}

const most = 32767;
const mostLabels = 65_535;

/**
 * One piece of bytes: the header's length (32 bits, little-endian, like all that follows), the header as JSON
 * padded with spaces to a multiple of four, then the rows, positions and labels of all points. 100,000 points
 * are 1 MB, a tenth of what they would be as JSON.
 */
export function packMap(
  { catalogue, progress, revision }: { catalogue: Catalogue; progress: MapProgress; revision: number },
  generation: number,
): Uint8Array<ArrayBuffer> {
  let points = 0;
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let row = 0; row < catalogue.rows; row++) {
    const [x, y] = catalogue.position(row);
    if (Number.isNaN(x)) continue;
    points++;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
  const scale = most / Math.max(1e-9, (right - left) / 2, (bottom - top) / 2);
  const header: MapHeader = {
    generation,
    revision,
    progress,
    points,
    labels: catalogue.labelNames.slice(0, mostLabels),
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 4) * 4;
  const packed = new Uint8Array(4 + headerBytes + points * 10).fill(0x20, 4, 4 + headerBytes);
  new DataView(packed.buffer).setUint32(0, headerBytes, true);
  packed.set(json, 4);
  const columns = columnsOf(packed.buffer, 4 + headerBytes, points);
  for (let row = 0, point = 0; row < catalogue.rows; row++) {
    const [x, y] = catalogue.position(row);
    if (Number.isNaN(x)) continue;
    columns.rows[point] = row;
    columns.positions[2 * point] = Math.round((x - middleX) * scale);
    columns.positions[2 * point + 1] = Math.round((y - middleY) * scale);
    const label = catalogue.labelOf(row);
    columns.labels[point++] = label < mostLabels ? label + 1 : 0;
  }
  return packed;
}

/** Reads what `packMap` wrote; the columns are views on `bytes`, which start at a multiple of four. */
export function unpackMap(bytes: ArrayBuffer): PackedMap {
  const headerBytes = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, headerBytes))) as MapHeader;
  return { header, ...columnsOf(bytes, 4 + headerBytes, header.points) };
}

function columnsOf(bytes: ArrayBuffer, at: number, points: number): Omit<PackedMap, 'header'> {
  return {
    rows: new Uint32Array(bytes, at, points),
    positions: new Int16Array(bytes, at + 4 * points, 2 * points),
    labels: new Uint16Array(bytes, at + 8 * points, points),
  };
}
