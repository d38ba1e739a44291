// Runs in the browser's audio thread and hands the microphone's samples to the page.

/** What the audio thread's own scope offers; TypeScript's DOM library does not know it. */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: typeof Recorder): void;

/** Samples of a block: some 40 ms, so that the page is woken 25 times a second and not 400 times. */
const blockSamples = 2048;

class Recorder extends AudioWorkletProcessor {
  #block = new Int16Array(blockSamples);
  #filled = 0;

  process([input]: Float32Array[][]): boolean {
    const channels = input ?? [];
    const count = channels[0]?.length ?? 0;
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i]!;
      const sample = Math.max(-1, Math.min(1, sum / channels.length));
      this.#block[this.#filled++] = Math.round(32_767 * sample);
      if (this.#filled === blockSamples) this.#hand();
    }
    return true;
  }

  #hand(): void {
    this.port.postMessage(this.#block, [this.#block.buffer]);
    this.#block = new Int16Array(blockSamples);
    this.#filled = 0;
  }
}

registerProcessor('recorder', Recorder);
