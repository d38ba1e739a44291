import { sketchLength } from './sketch.ts';

/** So many of the nearest landmarks say where a sound lies. */
const anchors = 4;
const groups = 40;

/**
 * Sketches that are laid out already, among which further ones are placed. They are kept in groups around
 * pivots: a group whose nearest possible member is too far need not be looked at, which makes the search for the
 * nearest landmarks about five times as fast without making it less exact.
 */
export class Landmarks {
  readonly #sketches: Float32Array;
  /** `x, y` pairs. */
  readonly #positions: Float32Array;
  /** Landmarks by group; those of group `g` begin at `#starts[g]`. The first of each is its pivot. */
  readonly #members: Uint32Array;
  readonly #starts: Uint32Array;
  /** How far from its pivot a group's furthest member lies. */
  readonly #radii: Float64Array;

  constructor(sketches: Float32Array, positions: Float32Array) {
    this.#sketches = sketches;
    this.#positions = positions;
    const count = sketches.length / sketchLength;
    const group = new Uint32Array(count);
    const distance = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
    const pivots: number[] = [];
    // Each pivot is the landmark that lies furthest from those before it.
    for (let next = 0; pivots.length < Math.min(groups, count); ) {
      pivots.push(next);
      let furthest = -1;
      for (let landmark = 0; landmark < count; landmark++) {
        const away = Math.sqrt(this.#squared(sketches, landmark * sketchLength, next));
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
    this.#radii = new Float64Array(pivots.length);
    for (let landmark = 0; landmark < count; landmark++) {
      const own = group[landmark] as number;
      if (landmark !== pivots[own]) members[own]?.push(landmark);
      this.#radii[own] = Math.max(this.#radii[own] as number, distance[landmark] as number);
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
    const { length } = this.#radii;
    const toPivot = Float64Array.from({ length }, (_, group) =>
      Math.sqrt(this.#squared(sketch, at, this.#members[this.#starts[group] as number] as number)),
    );
    const order = Array.from({ length }, (_, group) => group).sort(
      (one, other) => (toPivot[one] as number) - (toPivot[other] as number),
    );
    const nearest = new Float64Array(anchors).fill(Number.POSITIVE_INFINITY);
    const which = new Int32Array(anchors).fill(-1);
    for (const group of order) {
      const least = (toPivot[group] as number) - (this.#radii[group] as number);
      if (least > 0 && least * least > (nearest[anchors - 1] as number)) continue;
      for (let m = this.#starts[group] as number; m < (this.#starts[group + 1] as number); m++) {
        const landmark = this.#members[m] as number;
        const squared = this.#squared(sketch, at, landmark);
        if (squared >= (nearest[anchors - 1] as number)) continue;
        let slot = anchors - 1;
        for (; slot > 0 && squared < (nearest[slot - 1] as number); slot--) {
          nearest[slot] = nearest[slot - 1] as number;
          which[slot] = which[slot - 1] as number;
        }
        nearest[slot] = squared;
        which[slot] = landmark;
      }
    }
    let x = 0;
    let y = 0;
    let total = 0;
    for (let slot = 0; slot < anchors && (which[slot] as number) >= 0; slot++) {
      const weight = 1 / ((nearest[slot] as number) + 1e-9);
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
