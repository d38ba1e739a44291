import type { AudioWindow } from '../../src/audio/pcm.ts';
import type { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';

/** One long stream that is given windows when a measurement wants it: what opening it costs is not measured. */
export class GatedStream implements AsyncDisposable {
  readonly #stream: AsyncIterableIterator<unknown>;
  readonly #windows: readonly Float32Array[];
  readonly #waiting: number[] = [];
  #wake = () => {};
  #next = 0;

  constructor(service: PythonBridgeService, windows: readonly Float32Array[], model?: string) {
    this.#windows = windows;
    this.#stream = service.processAudioStream(this.#source(), model === undefined ? {} : { model });
  }

  /** Seconds from handing over the first of these windows to the answer to the last. */
  async run(numbers: readonly number[]): Promise<number> {
    const startedAt = performance.now();
    this.#waiting.push(...numbers);
    this.#wake();
    for (const number of numbers) {
      const { value } = (await this.#stream.next()) as { value: { ok: boolean; error?: Error } };
      if (!value.ok) throw value.error ?? new Error(`window ${number} failed`);
    }
    return (performance.now() - startedAt) / 1000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream.return?.();
  }

  async *#source(): AsyncGenerator<AudioWindow> {
    for (;;) {
      const number = this.#waiting.shift();
      if (number === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const samples = this.#windows[number]!;
      const seq = this.#next++;
      yield { seq, firstSample: seq * samples.length, sampleRate: 16_000, samples, gap: false };
    }
  }
}
