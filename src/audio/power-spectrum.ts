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
    const re = this.#re;
    const im = this.#im;
    for (let i = 0; i < half; i++) {
      const at = this.#reversed[i]!;
      re[i] = (samples[offset + 2 * at] ?? 0) * this.#window[2 * at]!;
      im[i] = (samples[offset + 2 * at + 1] ?? 0) * this.#window[2 * at + 1]!;
    }
    this.#transform(re, im);
    const scale = 1 / ((this.size * this.size) / 4);
    for (let k = 0; k <= half; k++) {
      const a = k % half;
      const b = (half - k) % half;
      const evenRe = (re[a]! + re[b]!) / 2;
      const evenIm = (im[a]! - im[b]!) / 2;
      const oddRe = (im[a]! + im[b]!) / 2;
      const oddIm = (re[b]! - re[a]!) / 2;
      const cos = k === half ? -1 : this.#cos[k]!;
      const sin = k === half ? 0 : this.#sin[k]!;
      const x = evenRe + cos * oddRe - sin * oddIm;
      const y = evenIm + cos * oddIm + sin * oddRe;
      this.power[k] = (x * x + y * y) * scale;
    }
    return this.power;
  }

  #transform(re: Float64Array, im: Float64Array): void {
    const n = re.length;
    for (let span = 1; span < n; span *= 2) {
      const step = n / span;
      for (let start = 0; start < n; start += 2 * span) {
        for (let i = 0; i < span; i++) {
          const cos = this.#cos[i * step]!;
          const sin = this.#sin[i * step]!;
          const top = start + i;
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
