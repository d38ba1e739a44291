export interface RecorderListener {
  /** Mono samples of the browser's own rate. */
  onBlock(samples: Int16Array): void;
  /** The browser recorded nothing for so many milliseconds: a call came in, or the device slept. */
  onPause(milliseconds: number): void;
  /** The microphone was taken away. */
  onEnd(): void;
}

/** The microphone of this browser, as it is: nothing filtered out and nothing made louder. */
export class Recorder {
  readonly sampleRate: number;
  readonly #stream: MediaStream;
  readonly #context: AudioContext;

  private constructor(stream: MediaStream, context: AudioContext) {
    this.#stream = stream;
    this.#context = context;
    this.sampleRate = context.sampleRate;
  }

  /** Asks the user. @throws DOMException `NotAllowedError`, `NotFoundError`, `NotReadableError` */
  static async start(listener: RecorderListener): Promise<Recorder> {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    const context = new AudioContext();
    const recorder = new Recorder(stream, context);
    try {
      await context.audioWorklet.addModule('microphone/worklet.js');
      const node = new AudioWorkletNode(context, 'recorder', { numberOfOutputs: 0 });
      node.port.onmessage = ({ data }: MessageEvent<Int16Array>) => listener.onBlock(data);
      context.createMediaStreamSource(stream).connect(node);
      await context.resume();
    } catch (error) {
      await recorder.stop();
      throw error;
    }
    let pausedAt: number | undefined;
    context.onstatechange = () => {
      if (context.state === 'running') {
        if (pausedAt !== undefined) listener.onPause(performance.now() - pausedAt);
        pausedAt = undefined;
      } else {
        pausedAt ??= performance.now();
        void context.resume().catch(() => {});
      }
    };
    for (const track of stream.getAudioTracks()) track.onended = () => listener.onEnd();
    return recorder;
  }

  async stop(): Promise<void> {
    for (const track of this.#stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.#context.onstatechange = null;
    await this.#context.close();
  }
}
