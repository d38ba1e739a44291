import { encodeWav } from '../../src/audio/wav-writer.ts';
import { random } from '../../src/sounds/random.ts';
import type { NewStoredPattern } from '../../src/storage/index.ts';

export const dimensions = 64;

/** Sounds of a few kinds: vectors around one centre per kind, and a tone of the kind's own pitch. */
export class MadeSounds {
  readonly #next: () => number;
  readonly #centres: Float32Array[] = [];

  constructor(seed = 1) {
    this.#next = random(seed);
  }

  /** A unit vector near the centre of its kind; two of a kind have a cosine of about 1 - spread². */
  vector(kind: number, spread = 0.3): Float32Array {
    while (this.#centres.length <= kind) this.#centres.push(this.#unit());
    const away = this.#unit();
    const centre = this.#centres[kind] as Float32Array;
    return scaled(centre.map((value, i) => value + spread * (away[i] as number)));
  }

  /** A chime with overtones that fades away and, from kind to kind, lies higher and bends more; as a WAV file. */
  clip(kind: number, seconds = 0.4): Uint8Array {
    const samples = Float32Array.from({ length: 16_000 * seconds }, (_, i) => {
      const time = i / 16_000;
      const phase = 2 * Math.PI * 300 * (1 + 0.6 * kind) * (time + 0.4 * kind * time * time);
      const tone = Math.sin(phase) + 0.5 * Math.sin(2.02 * phase) + 0.3 * Math.sin(3.97 * phase);
      return 0.4 * tone * Math.min(1, 200 * time) * Math.exp(-8 * time);
    });
    return encodeWav(samples, 16_000);
  }

  pattern(
    id: string,
    kind: number,
    options: { label?: string; createdAt?: number; spread?: number; clip?: boolean; source?: string } = {},
  ): NewStoredPattern {
    const { label, createdAt = 1_790_000_000_000, spread, clip = false, source = 'kitchen' } = options;
    return {
      pattern: {
        id,
        startTime: 1,
        endTime: 1.4,
        frequencyRange: { low: 200, high: 4000 },
        confidence: 1,
        type: 'sound',
        features: this.vector(kind, spread),
      },
      metadata: { sourceId: source, createdAt, ...(label === undefined ? {} : { label }) },
      ...(clip ? { clip: this.clip(kind) } : {}),
    };
  }

  #unit(): Float32Array {
    return scaled(
      Float32Array.from({ length: dimensions }, () => this.#next() + this.#next() + this.#next() - 1.5),
    );
  }
}

function scaled(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

export function cosine(a: Float32Array, b: Float32Array): number {
  const dot = a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
  return dot / (Math.hypot(...a) * Math.hypot(...b));
}
