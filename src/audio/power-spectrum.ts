/**
 * Power spectrum of Hann-windowed frames. A real frame of `size` samples is transformed as `size / 2` complex
 * numbers and split afterwards, which halves the work.
 */
export class PowerSpectrum {
  /** Samples of a frame, a power of two. */
  readonly size: number;
  /** Number of values in `power`: bin `k` is the frequency `k * sampleRate / size`. */
  readonly bins: number;
  /** The latest result. A full-scale sine gives about 1/4 over its three bins' sum of 3/8. */
  readonly power: Float64Array;
  readonly #window: Float64Array;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #reversed: Uint32Array;
  readonly #re: Float64Array;
  readonly #im: Float64Array;

  constructor(size: number) {
    const half = size / 2;
    this.size = size;
    this.bins = half + 1;
    this.power = new Float64Array(this.bins);
    this.#window = Float64Array.from(
      { length: size },
      (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size),
    );
    this.#cos = Float64Array.from({ length: half }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.#sin = Float64Array.from({ length: half }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
    this.#re = new Float64Array(half);
    this.#im = new Float64Array(half);
    const bits = Math.log2(half);
    this.#reversed = Uint32Array.from({ length: half }, (_, i) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; bit++) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
      return reversed;
    });
  }

  /** Measures `size` samples from `offset`; samples beyond the end count as zero. */
  measure(samples: Float32Array, offset = 0): Float64Array {
    const half = this.size / 2;
    // Fields of a class are looked up each time; in these loops that is a third of the work.
    const re = this.#re;
    const im = this.#im;
    const window = this.#window;
    const reversed = this.#reversed;
    const whole = offset + this.size <= samples.length;
    const frame = whole ? samples.subarray(offset, offset + this.size) : this.#padded(samples, offset);
    for (let i = 0; i < half; i++) {
      const at = 2 * reversed[i]!;
      re[i] = frame[at]! * window[at]!;
      im[i] = frame[at + 1]! * window[at + 1]!;
    }
    this.#transform(re, im);
    this.#split(re, im);
    return this.power;
  }

  #padded(samples: Float32Array, offset: number): Float32Array {
    const frame = new Float32Array(this.size);
    frame.set(samples.subarray(offset));
    return frame;
  }

  /** The powers of the real frame, of whose even and odd samples `re` and `im` are the transform. */
  #split(re: Float64Array, im: Float64Array): void {
    const half = this.size / 2;
    const power = this.power;
    const cosines = this.#cos;
    const sines = this.#sin;
    const scale = 4 / (this.size * this.size);
    power[0] = (re[0]! + im[0]!) ** 2 * scale;
    power[half] = (re[0]! - im[0]!) ** 2 * scale;
    for (let a = 1, b = half - 1; a < half; a++, b--) {
      const evenRe = (re[a]! + re[b]!) / 2;
      const evenIm = (im[a]! - im[b]!) / 2;
      const oddRe = (im[a]! + im[b]!) / 2;
      const oddIm = (re[b]! - re[a]!) / 2;
      const cos = cosines[a]!;
      const sin = sines[a]!;
      const x = evenRe + cos * oddRe - sin * oddIm;
      const y = evenIm + cos * oddIm + sin * oddRe;
      power[a] = (x * x + y * y) * scale;
    }
  }

  #transform(re: Float64Array, im: Float64Array): void {
    const n = re.length;
    const cosines = this.#cos;
    const sines = this.#sin;
    // Neighbours are joined without a turn.
    for (let top = 0; top < n; top += 2) {
      const x = re[top + 1]!;
      const y = im[top + 1]!;
      re[top + 1] = re[top]! - x;
      im[top + 1] = im[top]! - y;
      re[top]! += x;
      im[top]! += y;
    }
    for (let span = 2; span < n; span *= 2) {
      const step = n / span;
      for (let start = 0; start < n; start += 2 * span) {
        for (let top = start, turn = 0; top < start + span; top++, turn += step) {
          const cos = cosines[turn]!;
          const sin = sines[turn]!;
          const bottom = top + span;
          const x = re[bottom]! * cos - im[bottom]! * sin;
          const y = re[bottom]! * sin + im[bottom]! * cos;
          re[bottom] = re[top]! - x;
          im[bottom] = im[top]! - y;
          re[top]! += x;
          im[top]! += y;
        }
      }
    }
  }
}
