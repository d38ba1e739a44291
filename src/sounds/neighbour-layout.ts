import { random } from './random.ts';
import { likeness, sketchLength } from './sketch.ts';

const mostNeighbours = 12;
const epochs = 250;
const repulsions = 5;
/** The curve 1 / (1 + a d^2b): how near two like sounds are drawn (UMAP's, for a minimal distance of 0.1). */
const a = 1.577;
const b = 0.895;
/** Kinds that have nothing in common would drift apart until nothing else can be seen. */
const gravity = 0.02;

interface Edges {
  from: Uint32Array;
  to: Uint32Array;
  /** Above 0 and up to 1: how sure it is that the two belong together. */
  weight: Float32Array;
}

/**
 * Lays sketches out in the plane so that like sounds lie together (after UMAP: McInnes, Healy and Melville,
 * 2018). Returns `x, y` pairs. Its cost grows with the square of the count, so it is meant for a few thousand;
 * further sounds are put among them by `Landmarks`.
 */
export function neighbourLayout(sketches: Float32Array): Float32Array {
  const count = sketches.length / sketchLength;
  const positions = firstGuess(sketches, count);
  if (count < 4) return positions;
  const edges = neighbourEdges(sketches, count);
  const next = random(7);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const step = 1 - epoch / epochs;
    for (let edge = 0; edge < edges.from.length; edge++) {
      // An edge pulls as often as its weight says, rather than by as much.
      if (next() > (edges.weight[edge] as number)) continue;
      const from = edges.from[edge] as number;
      pull(positions, from, edges.to[edge] as number, step);
      for (let n = 0; n < repulsions; n++) push(positions, from, Math.floor(next() * count), step);
    }
    for (let i = 0; i < positions.length; i++) positions[i] = (positions[i] as number) * (1 - gravity * step);
  }
  return positions;
}

/** The two directions in which the sounds differ most, scaled to a plane of about 20 by 20. */
function firstGuess(sketches: Float32Array, count: number): Float32Array {
  const mean = new Float64Array(sketchLength);
  for (let i = 0; i < sketches.length; i++) {
    mean[i % sketchLength] = (mean[i % sketchLength] as number) + (sketches[i] as number) / count;
  }
  const axes: Float64Array[] = [];
  const next = random(3);
  for (let axis = 0; axis < 2; axis++) {
    let direction = Float64Array.from({ length: sketchLength }, () => next() - 0.5);
    for (let round = 0; round < 30; round++) {
      const sum = new Float64Array(sketchLength);
      for (let n = 0; n < count; n++) {
        let dot = 0;
        for (let i = 0; i < sketchLength; i++) {
          dot +=
            ((sketches[n * sketchLength + i] as number) - (mean[i] as number)) * (direction[i] as number);
        }
        for (let i = 0; i < sketchLength; i++) {
          sum[i] =
            (sum[i] as number) + dot * ((sketches[n * sketchLength + i] as number) - (mean[i] as number));
        }
      }
      for (const other of axes) {
        const dot = sum.reduce((total, value, i) => total + value * (other[i] as number), 0);
        for (let i = 0; i < sketchLength; i++) sum[i] = (sum[i] as number) - dot * (other[i] as number);
      }
      const length = Math.hypot(...sum);
      if (length < 1e-12) break;
      direction = sum.map((value) => value / length);
    }
    axes.push(direction);
  }
  const positions = new Float32Array(2 * count);
  for (let n = 0; n < count; n++) {
    for (let axis = 0; axis < 2; axis++) {
      let dot = 0;
      for (let i = 0; i < sketchLength; i++) {
        dot +=
          ((sketches[n * sketchLength + i] as number) - (mean[i] as number)) *
          ((axes[axis] as Float64Array)[i] as number);
      }
      // Equal sounds must not start on the same spot, or nothing could part them.
      positions[2 * n + axis] = dot + (next() - 0.5) * 1e-3;
    }
  }
  const widest = positions.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  return positions.map((value) => (value * 10) / widest);
}

function neighbourEdges(sketches: Float32Array, count: number): Edges {
  // Among few sounds a kind has few members: more neighbours would tie it to others.
  const kept = Math.min(count - 1, mostNeighbours, Math.max(3, Math.round(Math.log2(count))));
  const nearest = new Uint32Array(count * kept);
  const distance = new Float32Array(count * kept).fill(Number.POSITIVE_INFINITY);
  const insert = (row: number, other: number, value: number) => {
    const start = row * kept;
    if (value >= (distance[start + kept - 1] as number)) return;
    let slot = start + kept - 1;
    for (; slot > start && value < (distance[slot - 1] as number); slot--) {
      distance[slot] = distance[slot - 1] as number;
      nearest[slot] = nearest[slot - 1] as number;
    }
    distance[slot] = value;
    nearest[slot] = other;
  };
  for (let row = 0; row < count; row++) {
    for (let other = row + 1; other < count; other++) {
      const value = Math.max(0, 1 - likeness(sketches, row, other));
      insert(row, other, value);
      insert(other, row, value);
    }
  }
  const strength = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    const own = distance.subarray(row * kept, (row + 1) * kept);
    const width = localWidth(own);
    for (let n = 0; n < kept; n++) {
      const other = nearest[row * kept + n] as number;
      const value = Math.exp(-((own[n] as number) - (own[0] as number)) / width);
      const key = row < other ? row * count + other : other * count + row;
      const known = strength.get(key) ?? 0;
      strength.set(key, known + value - known * value);
    }
  }
  const from = new Uint32Array(2 * strength.size);
  const to = new Uint32Array(2 * strength.size);
  const weight = new Float32Array(2 * strength.size);
  let edge = 0;
  for (const [key, value] of strength) {
    const ends = [Math.floor(key / count), key % count] as const;
    for (const [one, other] of [ends, [ends[1], ends[0]] as const]) {
      from[edge] = one;
      to[edge] = other;
      weight[edge++] = value;
    }
  }
  return { from, to, weight };
}

/** The width of a bell around a sound in which its neighbours weigh log2(k) together. */
function localWidth(distances: Float32Array): number {
  const wanted = Math.log2(distances.length + 1);
  let low = 1e-6;
  let high = 4;
  for (let round = 0; round < 30; round++) {
    const middle = (low + high) / 2;
    let sum = 0;
    for (const value of distances) sum += Math.exp(-(value - (distances[0] as number)) / middle);
    if (sum > wanted) high = middle;
    else low = middle;
  }
  return high;
}

function pull(positions: Float32Array, one: number, other: number, step: number): void {
  const x = (positions[2 * one] as number) - (positions[2 * other] as number);
  const y = (positions[2 * one + 1] as number) - (positions[2 * other + 1] as number);
  const squared = x * x + y * y;
  if (squared < 1e-12) return;
  const power = squared ** (b - 1);
  const force = (-2 * a * b * power) / (1 + a * power * squared);
  move(positions, one, force * x, force * y, step);
  move(positions, other, -force * x, -force * y, step);
}

function push(positions: Float32Array, one: number, other: number, step: number): void {
  if (one === other) return;
  const x = (positions[2 * one] as number) - (positions[2 * other] as number);
  const y = (positions[2 * one + 1] as number) - (positions[2 * other + 1] as number);
  const squared = x * x + y * y;
  const force = (2 * b) / ((0.001 + squared) * (1 + a * squared ** b));
  move(positions, one, force * x, force * y, step);
}

function move(positions: Float32Array, row: number, x: number, y: number, step: number): void {
  const bounded = (value: number) => Math.max(-4, Math.min(4, value)) * step;
  positions[2 * row] = (positions[2 * row] as number) + bounded(x);
  positions[2 * row + 1] = (positions[2 * row + 1] as number) + bounded(y);
}
