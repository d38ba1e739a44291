/** Test signals and what is needed to judge them. */

export function sine(frequency: number, seconds: number, sampleRate = 16_000, amplitude = 0.5): Float32Array {
  return Float32Array.from(
    { length: Math.round(seconds * sampleRate) },
    (_, i) => amplitude * Math.sin((2 * Math.PI * frequency * i) / sampleRate),
  );
}

/** The same noise for the same seed, uniform within the amplitude. */
export function noise(seconds: number, amplitude: number, seed = 1, sampleRate = 16_000): Float32Array {
  let state = seed;
  return Float32Array.from({ length: Math.round(seconds * sampleRate) }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return amplitude * ((2 * state) / 0x7fffffff - 1);
  });
}

export function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Adds a sound to a background, in place. */
export function mixInto(
  background: Float32Array,
  sound: Float32Array,
  seconds: number,
  sampleRate = 16_000,
): void {
  const start = Math.round(seconds * sampleRate);
  for (let i = 0; i < sound.length; i++) background[start + i]! += sound[i]!;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Root mean square in dBFS of the part of a signal that is left without its best-fitting sine of `frequency`. */
export function residualDb(samples: Float32Array, frequency: number, sampleRate: number): number {
  const { sine: a, cosine: b } = fitSine(samples, frequency, sampleRate);
  let sum = 0;
  for (const [i, sample] of samples.entries()) {
    const phase = (2 * Math.PI * frequency * i) / sampleRate;
    sum += (sample - a * Math.sin(phase) - b * Math.cos(phase)) ** 2;
  }
  return 10 * Math.log10(sum / samples.length);
}

export function amplitudeOf(samples: Float32Array, frequency: number, sampleRate: number): number {
  const { sine: a, cosine: b } = fitSine(samples, frequency, sampleRate);
  return Math.hypot(a, b);
}

function fitSine(
  samples: Float32Array,
  frequency: number,
  sampleRate: number,
): { sine: number; cosine: number } {
  let sineSum = 0;
  let cosineSum = 0;
  for (const [i, sample] of samples.entries()) {
    const phase = (2 * Math.PI * frequency * i) / sampleRate;
    sineSum += sample * Math.sin(phase);
    cosineSum += sample * Math.cos(phase);
  }
  return { sine: (2 * sineSum) / samples.length, cosine: (2 * cosineSum) / samples.length };
}
