import type { PackedMap } from '../../../src/sounds/packed-map.ts';
import { cssPixel, type PointColours, pointColours } from './label-colour.ts';

/** The map's own units: positions run from -32767 to 32767. */
const extent = 32_767;
const cells = 128;
const cellSize = (2 * extent + 2) / cells;
const margin = 16;
const mostZoom = 400;

export interface Shown {
  /** Points, by place in the map's columns. */
  hovered: number;
  selected: (row: number) => boolean;
  /** The number of the only label to be coloured, or -1 for all. */
  label: number;
  /** CSS pixels. */
  lasso: readonly [x: number, y: number][];
}

/**
 * Points on a canvas. They are written straight into the pixels, which takes milliseconds for 100,000 of them,
 * and found through a grid of cells.
 */
export class MapPlot {
  readonly canvas: HTMLCanvasElement;
  map: PackedMap | undefined;
  /** What lies in the middle, in the map's units, and CSS pixels per unit. */
  #x = 0;
  #y = 0;
  #scale = 1;
  /** Points cell by cell; those of cell `c` begin at `#cellStart[c]`. */
  #cellStart = new Uint32Array(cells * cells + 1);
  #cellPoints = new Uint32Array();

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
  }

  setMap(map: PackedMap): void {
    this.map = map;
    const { positions, header } = map;
    const counts = new Uint32Array(cells * cells + 1);
    for (let point = 0; point < header.points; point++) {
      const cell = cellOf(positions[2 * point] as number, positions[2 * point + 1] as number);
      counts[cell + 1] = (counts[cell + 1] as number) + 1;
    }
    for (let cell = 0; cell < cells * cells; cell++) {
      counts[cell + 1] = (counts[cell + 1] as number) + (counts[cell] as number);
    }
    this.#cellStart = counts.slice();
    this.#cellPoints = new Uint32Array(header.points);
    for (let point = 0; point < header.points; point++) {
      const cell = cellOf(positions[2 * point] as number, positions[2 * point + 1] as number);
      const at = counts[cell] as number;
      this.#cellPoints[at] = point;
      counts[cell] = at + 1;
    }
  }

  /** Makes the canvas as fine as the screen; returns whether its size changed. */
  resize(): boolean {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (width === this.canvas.width && height === this.canvas.height) return false;
    this.canvas.width = width;
    this.canvas.height = height;
    return true;
  }

  /** Shows all of the map. */
  fit(): void {
    this.#x = 0;
    this.#y = 0;
    this.#scale = this.#fitting();
  }

  /** Zooms by a factor, so that what lies under this CSS pixel stays there. */
  zoom(factor: number, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2): void {
    const [mapX, mapY] = this.#toMap(x, y);
    this.#scale = Math.max(this.#fitting() / 2, Math.min(this.#fitting() * mostZoom, this.#scale * factor));
    this.#x = mapX - (x - this.canvas.clientWidth / 2) / this.#scale;
    this.#y = mapY - (y - this.canvas.clientHeight / 2) / this.#scale;
  }

  /** Moves what is seen by CSS pixels. */
  pan(x: number, y: number): void {
    this.#x = Math.max(-extent, Math.min(extent, this.#x - x / this.#scale));
    this.#y = Math.max(-extent, Math.min(extent, this.#y - y / this.#scale));
  }

  /** The CSS pixel of a point. */
  pixelOf(point: number): [x: number, y: number] {
    const [x, y] = this.#position(point);
    return [
      (x - this.#x) * this.#scale + this.canvas.clientWidth / 2,
      (y - this.#y) * this.#scale + this.canvas.clientHeight / 2,
    ];
  }

  /** Brings a point into view. */
  reveal(point: number): void {
    const [x, y] = this.pixelOf(point);
    const { clientWidth, clientHeight } = this.canvas;
    if (x > margin && y > margin && x < clientWidth - margin && y < clientHeight - margin) return;
    [this.#x, this.#y] = this.#position(point);
  }

  /** The point nearest to a CSS pixel, at most `radius` pixels away, or -1. */
  nearest(x: number, y: number, radius: number): number {
    if (!this.map) return -1;
    const [mapX, mapY] = this.#toMap(x, y);
    const reach = radius / this.#scale;
    const column = (value: number) =>
      Math.max(0, Math.min(cells - 1, Math.floor((value + extent + 1) / cellSize)));
    let best = -1;
    let least = reach * reach;
    for (let row = column(mapY - reach); row <= column(mapY + reach); row++) {
      for (
        let cell = row * cells + column(mapX - reach);
        cell <= row * cells + column(mapX + reach);
        cell++
      ) {
        for (let i = this.#cellStart[cell] as number; i < (this.#cellStart[cell + 1] as number); i++) {
          const point = this.#cellPoints[i] as number;
          const [px, py] = this.#position(point);
          const squared = (px - mapX) ** 2 + (py - mapY) ** 2;
          if (squared <= least) {
            least = squared;
            best = point;
          }
        }
      }
    }
    return best;
  }

  /** The nearest point in a direction, seen from a point (or from the middle, for -1); -1 when there is none. */
  towards(from: number, directionX: number, directionY: number): number {
    if (!this.map) return -1;
    const [x, y] = from < 0 ? [this.#x, this.#y] : this.#position(from);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let point = 0; point < this.map.header.points; point++) {
      const [px, py] = this.#position(point);
      const along = (px - x) * directionX + (py - y) * directionY;
      const aside = Math.abs((px - x) * directionY - (py - y) * directionX);
      // Points that cover each other on the screen count as one.
      if (along * this.#scale < 3 || aside > along) continue;
      const cost = along + 2 * aside;
      if (cost < least) {
        least = cost;
        best = point;
      }
    }
    return best;
  }

  /** The points inside a polygon of CSS pixels. */
  inside(polygon: readonly [x: number, y: number][]): number[] {
    if (!this.map || polygon.length < 3) return [];
    const corners = polygon.map(([x, y]) => this.#toMap(x, y));
    const xs = corners.map(([x]) => x);
    const ys = corners.map(([, y]) => y);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
    const found: number[] = [];
    for (let point = 0; point < this.map.header.points; point++) {
      const [x, y] = this.#position(point);
      if (x < left || x > right || y < top || y > bottom) continue;
      let within = false;
      for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
        const [x1, y1] = corners[i] as [number, number];
        const [x2, y2] = corners[j] as [number, number];
        if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
      }
      if (within) found.push(point);
    }
    return found;
  }

  draw({ hovered, selected, label, lasso }: Shown): void {
    const context = this.canvas.getContext('2d');
    const { width, height, clientWidth } = this.canvas;
    // Out of sight it has no size on the page.
    if (!context || clientWidth === 0 || width === 0 || height === 0) return;
    const ratio = width / clientWidth;
    const style = getComputedStyle(this.canvas);
    const mark = style.getPropertyValue('--red-ui-node-selected-color') || style.color;
    const image = context.createImageData(width, height);
    if (this.map)
      this.#drawPoints(
        new Uint32Array(image.data.buffer),
        width,
        height,
        ratio,
        selected,
        label,
        cssPixel(mark),
        pointColours(style),
      );
    context.putImageData(image, 0, 0);
    context.strokeStyle = mark;
    context.lineWidth = 2 * ratio;
    if (hovered >= 0 && this.map && hovered < this.map.header.points) {
      const [x, y] = this.pixelOf(hovered);
      context.beginPath();
      context.arc(x * ratio, y * ratio, this.#radius(ratio) + 4 * ratio, 0, 2 * Math.PI);
      context.stroke();
    }
    if (lasso.length > 1) {
      context.setLineDash([4 * ratio, 3 * ratio]);
      context.beginPath();
      for (const [x, y] of lasso) context.lineTo(x * ratio, y * ratio);
      context.closePath();
      context.stroke();
      context.setLineDash([]);
    }
  }

  #drawPoints(
    pixels: Uint32Array,
    width: number,
    height: number,
    ratio: number,
    selected: (row: number) => boolean,
    only: number,
    mark: number,
    colourOf: PointColours,
  ): void {
    const { rows, positions, labels, header } = this.map as PackedMap;
    const radius = this.#radius(ratio);
    const dot = disc(radius, width);
    const halo = disc(radius + Math.ceil(1.5 * ratio), width);
    const border = Math.ceil(radius + 3 * ratio) + 1;
    const colours = Uint32Array.from({ length: header.labels.length + 1 }, (_, n) =>
      n === 0 || (only >= 0 && n !== only + 1) ? colourOf.unlabelled : colourOf.label(n - 1),
    );
    const scale = this.#scale * ratio;
    const left = width / 2 - this.#x * scale;
    const top = height / 2 - this.#y * scale;
    // Sounds with a name are drawn over those without, selected ones over both.
    for (let pass = 0; pass < 3; pass++) {
      for (let point = 0; point < header.points; point++) {
        const labelled = (labels[point] as number) > 0;
        const chosen = selected(rows[point] as number);
        if (chosen ? pass !== 2 : pass !== (labelled ? 1 : 0)) continue;
        const x = Math.round((positions[2 * point] as number) * scale + left);
        const y = Math.round((positions[2 * point + 1] as number) * scale + top);
        if (x < border || y < border || x >= width - border || y >= height - border) continue;
        const at = y * width + x;
        if (chosen) for (const offset of halo) pixels[at + offset] = mark;
        const colour = colours[labels[point] as number] as number;
        for (let i = 0; i < dot.length; i++) pixels[at + (dot[i] as number)] = colour;
      }
    }
  }

  /** In device pixels: smaller where there are many, bigger where one looks closer. */
  #radius(ratio: number): number {
    const points = Math.max(1, this.map?.header.points ?? 0);
    const room = Math.sqrt((this.canvas.clientWidth * this.canvas.clientHeight) / points);
    const crowd = Math.min(4, room / 5);
    const closer = Math.min(2.5, Math.sqrt(this.#scale / this.#fitting()));
    return Math.max(1, Math.round(Math.max(0.5, crowd) * Math.max(1, closer) * ratio));
  }

  #fitting(): number {
    const room = Math.min(this.canvas.clientWidth, this.canvas.clientHeight) - 2 * margin;
    return Math.max(1, room) / (2 * extent);
  }

  #position(point: number): [x: number, y: number] {
    const { positions } = this.map as PackedMap;
    return [positions[2 * point] as number, positions[2 * point + 1] as number];
  }

  #toMap(x: number, y: number): [x: number, y: number] {
    return [
      (x - this.canvas.clientWidth / 2) / this.#scale + this.#x,
      (y - this.canvas.clientHeight / 2) / this.#scale + this.#y,
    ];
  }
}

function cellOf(x: number, y: number): number {
  return Math.floor((y + extent + 1) / cellSize) * cells + Math.floor((x + extent + 1) / cellSize);
}

/** The pixels of a filled circle as distances from its middle, in an image of this width. */
function disc(radius: number, width: number): Int32Array {
  const offsets: number[] = [];
  for (let y = -radius; y <= radius; y++) {
    for (let x = -radius; x <= radius; x++) {
      if (x * x + y * y <= (radius + 0.3) ** 2) offsets.push(y * width + x);
    }
  }
  return Int32Array.from(offsets);
}
