import { AudioError } from './audio-error.ts';

/** Stopband of the Kaiser window, in decibels. */
const attenuation = 100;
/** The pass band ends and the stop band begins this far from the lower Nyquist frequency, relative to it. */
const passEdge = 0.93;
const stopEdge = 1.05;
/**
 * Phases tabled for a filter that passes everything; a narrower one is smoother and needs fewer. Where a pair of
 * rates has more, what lies between two of them is interpolated, which keeps odd rates from filling memory.
 */
const mostPhases = 1024;

/**
 * Changes the sample rate of a stream: a polyphase FIR low-pass with a Kaiser window. Output sample `k` lies
 * at exactly `k / outputRate` seconds of the input, and `n` samples in give `ceil(n * outputRate / inputRate)`
 * out. Frequencies that cannot be represented come through at -90 dB or less (bench/capture.ts).
 */
export class Resampler {
  readonly #inputRate: number;
  readonly #outputRate: number;
  /** Input samples that one output sample is made of. */
  readonly #taps: number;
  readonly #phases: number;
  readonly #exact: boolean;
  /** Per phase, the weights of `#taps` input samples; one more phase than needed for the interpolation. */
  readonly #weights: Float32Array;
  #buffer: Float32Array;
  #filled: number;
  /** Position of the next output sample: a whole index into `#buffer` of its first tap, and a fraction. */
  #index = 0;
  /** Fraction of an input sample in units of 1 / outputRate (reduced). */
  #fraction = 0;
  readonly #up: number;
  readonly #down: number;
  #received = 0;
  #produced = 0;

  /** @throws AudioError `INVALID_ARGUMENT` where a rate is not a whole number of 1,000 to 768,000 hertz. */
  constructor(inputRate: number, outputRate: number) {
    for (const rate of [inputRate, outputRate]) {
      if (!Number.isInteger(rate) || rate < 1000 || rate > 768_000) {
        throw new AudioError('INVALID_ARGUMENT', `${rate} Hz is not a sample rate of 1,000 to 768,000 Hz.`);
      }
    }
    const divisor = greatestCommonDivisor(inputRate, outputRate);
    this.#inputRate = inputRate;
    this.#outputRate = outputRate;
    this.#up = outputRate / divisor;
    this.#down = inputRate / divisor;
    const nyquist = Math.min(1, outputRate / inputRate); // In units of the input's Nyquist frequency.
    const tabled = Math.max(32, Math.ceil(mostPhases * nyquist));
    this.#exact = this.#up <= tabled;
    this.#phases = this.#exact ? this.#up : tabled;
    const cutoff = (nyquist * (passEdge + stopEdge)) / 2;
    const width = (nyquist * (stopEdge - passEdge)) / 2; // In units of the input rate.
    const half = Math.ceil((attenuation - 7.95) / (14.36 * width) / 2) + 1;
    // A multiple of four, for the unrolled loop.
    this.#taps = Math.ceil((2 * half) / 4) * 4;
    this.#weights = filter(this.#taps, this.#phases, cutoff);
    // The first output sample is the first input sample: half a filter of silence comes before it.
    this.#filled = this.#taps / 2 - 1;
    this.#buffer = new Float32Array(this.#taps + 8192);
  }

  push(samples: Float32Array): Float32Array {
    this.#received += samples.length;
    return this.#inputRate === this.#outputRate ? samples : this.#convert(samples);
  }

  /** The tail. The resampler must not be used after it. */
  flush(): Float32Array {
    if (this.#inputRate === this.#outputRate) return new Float32Array(0);
    const expected = Math.ceil((this.#received * this.#outputRate) / this.#inputRate);
    const missing = expected - this.#produced;
    return this.#convert(new Float32Array(this.#taps)).subarray(0, missing);
  }

  #convert(samples: Float32Array): Float32Array {
    this.#append(samples);
    const room = Math.max(0, this.#filled - this.#index - this.#taps + 1);
    const output = new Float32Array(Math.ceil(((room + 1) * this.#up) / this.#down) + 1);
    let count = 0;
    while (this.#index + this.#taps <= this.#filled) {
      output[count++] = this.#exact ? this.#tap(this.#fraction) : this.#interpolate();
      this.#fraction += this.#down;
      this.#index += Math.trunc(this.#fraction / this.#up);
      this.#fraction %= this.#up;
    }
    this.#produced += count;
    const used = Math.min(this.#index, this.#filled);
    this.#buffer.copyWithin(0, used, this.#filled);
    this.#filled -= used;
    this.#index -= used;
    return output.subarray(0, count);
  }

  #append(samples: Float32Array): void {
    if (this.#filled + samples.length > this.#buffer.length) {
      const larger = new Float32Array(this.#filled + samples.length);
      larger.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = larger;
    }
    this.#buffer.set(samples, this.#filled);
    this.#filled += samples.length;
  }

  #tap(phase: number): number {
    const weights = this.#weights;
    const buffer = this.#buffer;
    const taps = this.#taps;
    let at = this.#index;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    // Four sums: the additions need not wait for each other.
    for (let w = phase * taps, end = w + taps; w < end; w += 4, at += 4) {
      a += weights[w]! * buffer[at]!;
      b += weights[w + 1]! * buffer[at + 1]!;
      c += weights[w + 2]! * buffer[at + 2]!;
      d += weights[w + 3]! * buffer[at + 3]!;
    }
    return a + b + c + d;
  }

  #interpolate(): number {
    const position = (this.#fraction / this.#up) * this.#phases;
    const phase = Math.trunc(position);
    const share = position - phase;
    return (1 - share) * this.#tap(phase) + share * this.#tap(phase + 1);
  }
}

const filters = new Map<string, Float32Array>();

/** A folder's files mostly have one rate, and designing their filter takes longer than reading a short one. */
function filter(taps: number, phases: number, cutoff: number): Float32Array {
  const key = `${taps} ${phases} ${cutoff}`;
  const weights = filters.get(key) ?? designFilter(taps, phases, cutoff);
  filters.delete(key);
  filters.set(key, weights);
  const [oldest] = filters.keys();
  if (filters.size > 8) filters.delete(oldest!);
  return weights;
}

/** The windowed sinc, sampled at `phases + 1` offsets; each phase is scaled to pass a constant unchanged. */
function designFilter(taps: number, phases: number, cutoff: number): Float32Array {
  const half = taps / 2;
  const weights = new Float32Array((phases + 1) * taps);
  const row = new Float64Array(taps);
  for (let phase = 0; phase <= phases; phase++) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const t = tap - (half - 1) - phase / phases;
      const sinc = t === 0 ? cutoff : Math.sin(Math.PI * cutoff * t) / (Math.PI * t);
      row[tap] = sinc * kaiser(Math.abs(t) / half);
      sum += row[tap]!;
    }
    for (let tap = 0; tap < taps; tap++) weights[phase * taps + tap] = row[tap]! / sum;
  }
  return weights;
}

const beta = 0.1102 * (attenuation - 8.7);
const kaiserSteps = 4096;
let kaiserTable: Float64Array | undefined;

/** The Kaiser window at a distance from its middle, 0 to 1. Tabled: a filter asks for it tens of thousands of times. */
function kaiser(distance: number): number {
  if (distance >= 1) return 0;
  kaiserTable ??= Float64Array.from({ length: kaiserSteps + 1 }, (_, i) =>
    bessel(beta * Math.sqrt(1 - (i / kaiserSteps) ** 2)),
  );
  const position = distance * kaiserSteps;
  const below = Math.trunc(position);
  return kaiserTable[below]! + (position - below) * (kaiserTable[below + 1]! - kaiserTable[below]!);
}

/** Modified Bessel function of the first kind, order zero. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
