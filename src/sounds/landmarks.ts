import { sketchLength } from './sketch.ts';

/** So many of the nearest landmarks say where a sound lies. */
const anchors = 4;
const groups = 40;
/** Of the groups, so many are searched; a landmark beyond them would move a sound by less than one can see. */
const searched = 4;

/**
 * Sketches that are laid out already, among which further ones are placed. They are kept in groups around pivots,
 * and only the groups around a sound are searched: a tenth of the landmarks.
 */
export class Landmarks {
  readonly #sketches: Float32Array;
  /** `x, y` pairs. */
  readonly #positions: Float32Array;
  /** Landmarks by group; those of group `g` begin at `#starts[g]`. The first of each is its pivot. */
  readonly #members: Uint32Array;
  readonly #starts: Uint32Array;
  /** The nearest of what was searched last, best first; kept to save their making for each sound. */
  readonly #near = { groups: new Nearest(searched), landmarks: new Nearest(anchors) };

  constructor(sketches: Float32Array, positions: Float32Array) {
    this.#sketches = sketches;
    this.#positions = positions;
    const count = sketches.length / sketchLength;
    const group = new Uint32Array(count);
    const distance = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
    const pivots: number[] = [];
    // Each pivot is the landmark that lies furthest from those before it.
    for (let next = 0; pivots.length < Math.min(groups, count); ) {
      const pivot = next;
      pivots.push(pivot);
      let furthest = -1;
      for (let landmark = 0; landmark < count; landmark++) {
        const away = Math.sqrt(this.#squared(sketches, landmark * sketchLength, pivot));
        if (away < (distance[landmark] as number)) {
          distance[landmark] = away;
          group[landmark] = pivots.length - 1;
        }
        if ((distance[landmark] as number) > furthest) {
          furthest = distance[landmark] as number;
          next = landmark;
        }
      }
      if (furthest === 0) break;
    }
    const members = pivots.map((pivot) => [pivot]);
    for (let landmark = 0; landmark < count; landmark++) {
      const own = group[landmark] as number;
      if (landmark !== pivots[own]) members[own]?.push(landmark);
    }
    this.#members = Uint32Array.from(members.flat());
    let start = 0;
    this.#starts = Uint32Array.from([...members, []], ({ length }) => {
      start += length;
      return start - length;
    });
  }

  /**
   * Where a sound belongs: in the middle of its nearest landmarks, the nearer the heavier, so that a landmark gets
   * its own place. `sketch` is `sketchLength` numbers from `at`. `[0, 0]` without landmarks.
   */
  place(sketch: Float32Array, at: number): [x: number, y: number] {
    const near = this.#near;
    near.groups.clear();
    for (let group = 0; group + 1 < this.#starts.length; group++) {
      near.groups.offer(
        group,
        this.#squared(sketch, at, this.#members[this.#starts[group] as number] as number),
      );
    }
    near.landmarks.clear();
    for (const group of near.groups.which) {
      if (group < 0) break;
      for (let m = this.#starts[group] as number; m < (this.#starts[group + 1] as number); m++) {
        const landmark = this.#members[m] as number;
        near.landmarks.offer(landmark, this.#squared(sketch, at, landmark));
      }
    }
    const { which, distances } = near.landmarks;
    let x = 0;
    let y = 0;
    let total = 0;
    for (let slot = 0; slot < anchors && (which[slot] as number) >= 0; slot++) {
      const weight = 1 / ((distances[slot] as number) + 1e-9);
      x += weight * (this.#positions[2 * (which[slot] as number)] as number);
      y += weight * (this.#positions[2 * (which[slot] as number) + 1] as number);
      total += weight;
    }
    return total > 0 ? [x / total, y / total] : [0, 0];
  }

  /** The squared distance of a sketch to a landmark. */
  #squared(sketch: Float32Array, at: number, landmark: number): number {
    let sum = 0;
    for (let i = at, l = landmark * sketchLength; i < at + sketchLength; i++, l++) {
      const difference = (sketch[i] as number) - (this.#sketches[l] as number);
      sum += difference * difference;
    }
    return sum;
  }
}

/** The few nearest of many. */
class Nearest {
  /** -1 where there were fewer. */
  readonly which: Int32Array;
  readonly distances: Float64Array;

  constructor(length: number) {
    this.which = new Int32Array(length);
    this.distances = new Float64Array(length);
  }

  clear(): void {
    this.which.fill(-1);
    this.distances.fill(Number.POSITIVE_INFINITY);
  }

  offer(candidate: number, distance: number): void {
    const { which, distances } = this;
    let slot = which.length - 1;
    if (distance >= (distances[slot] as number)) return;
    for (; slot > 0 && distance < (distances[slot - 1] as number); slot--) {
      distances[slot] = distances[slot - 1] as number;
      which[slot] = which[slot - 1] as number;
    }
    distances[slot] = distance;
    which[slot] = candidate;
  }
}
