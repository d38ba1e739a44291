/** Takes a constant offset out of a stream: a one-pole high-pass at 10 Hz that does not ring at the start. */
export class DcRemover {
  readonly #pole: number;
  #lastInput: number | undefined;
  #lastOutput = 0;

  constructor(sampleRate: number) {
    this.#pole = 1 - (2 * Math.PI * 10) / sampleRate;
  }

  /** Works in place. */
  apply(samples: Float32Array): Float32Array {
    const pole = this.#pole;
    let lastInput = this.#lastInput ?? samples[0] ?? 0;
    let lastOutput = this.#lastOutput;
    for (let i = 0; i < samples.length; i++) {
      const input = samples[i]!;
      lastOutput = input - lastInput + pole * lastOutput;
      lastInput = input;
      samples[i] = lastOutput;
    }
    this.#lastInput = lastInput;
    // A filter that decays for ever ends in numbers that are very slow to calculate with.
    this.#lastOutput = Math.abs(lastOutput) < 1e-15 ? 0 : lastOutput;
    return samples;
  }
}
