import { AudioError } from './audio-error.ts';
import type { AudioSource, SourceEvent, SourceOptions } from './audio-source.ts';
import type { PcmChunk, SourceInfo } from './pcm.ts';
import { PushSource } from './push-source.ts';
import { RawPcmDecoder } from './raw-pcm.ts';

/** Milliseconds without a part after which a browser counts as gone, and another one may take its place. */
const quietMs = 5000;

/** A piece of what a browser records. */
export interface RecordingPart {
  /** Names the recording; each start of the microphone is a new one. */
  recording: string;
  /** Index of the part's first sample since the recording's start, so that what was lost or came twice is seen. */
  firstSample: number;
  /** Hertz, 1,000 to 768,000: the browser's own rate. */
  sampleRate: number;
  /** Mono samples, 16-bit little-endian. */
  bytes: Uint8Array;
}

export interface BrowserMicrophoneOptions extends SourceOptions {
  sourceId: string;
}

/**
 * The microphone of a browser, which sends it in parts. One browser at a time; what is lost on its way, and the
 * time between two recordings, are gaps. Waits without end for the next part, and holds at most five seconds for
 * a slow reader. Can be read once.
 */
export class BrowserMicrophone implements AudioSource {
  readonly info: SourceInfo;
  readonly #source: PushSource;
  readonly #onEvent: ((event: SourceEvent) => void) | undefined;
  #recording: { name: string; nextSample: number; heardAt: number; away: boolean } | undefined;
  #quiet: NodeJS.Timeout | undefined;

  constructor(options: BrowserMicrophoneOptions) {
    this.#source = new PushSource({ ...options, overflow: 'dropOldest' });
    this.info = this.#source.info;
    this.#onEvent = options.onEvent;
  }

  /** Whether a browser is the microphone now. */
  get heard(): boolean {
    return this.#recording !== undefined && !this.#recording.away;
  }

  /**
   * Adds a part; one that came already is left out, so that a browser that got no answer can send it again.
   * @throws AudioError `DEVICE_BUSY` where another browser is heard, `INVALID_ARGUMENT`
   */
  receive({ recording, firstSample, sampleRate, bytes }: RecordingPart): void {
    if (!Number.isSafeInteger(firstSample) || firstSample < 0 || bytes.length % 2 !== 0) {
      throw new AudioError('INVALID_ARGUMENT', 'A part needs its first sample and whole 16-bit samples.');
    }
    const samples = new RawPcmDecoder({ sampleRate }).push(bytes);
    const milliseconds = (count: number) => (count * 1000) / sampleRate;
    const before = this.#recording;
    if (before !== undefined && before.name !== recording && !before.away) {
      throw new AudioError('DEVICE_BUSY', 'Another browser is heard already. Stop it first.');
    }
    const nextSample = before?.name === recording ? before.nextSample : firstSample;
    const lostMs =
      before === undefined || before.name === recording
        ? milliseconds(firstSample - nextSample)
        : performance.now() - before.heardAt - milliseconds(samples.length);
    if (lostMs > 0) this.#source.lose(lostMs);
    this.#tellLoss(Math.max(0, lostMs), before?.away ?? false);
    const fresh = samples.subarray(Math.max(0, nextSample - firstSample));
    if (fresh.length > 0) this.#source.push(fresh, sampleRate);
    this.#recording = {
      name: recording,
      nextSample: Math.max(nextSample, firstSample + samples.length),
      heardAt: performance.now(),
      away: false,
    };
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#leave('The browser sends nothing any more.'), quietMs);
  }

  /** The browser has stopped; another one may come at once. */
  end(recording: string): void {
    if (this.#recording?.name === recording) this.#leave('The browser has stopped its microphone.');
  }

  async *chunks(signal?: AbortSignal): AsyncGenerator<PcmChunk, void, undefined> {
    try {
      yield* this.#source.chunks(signal);
    } finally {
      clearTimeout(this.#quiet);
    }
  }

  #tellLoss(milliseconds: number, wasAway: boolean): void {
    const { sourceId } = this.info;
    if (wasAway) this.#onEvent?.({ type: 'recovered', sourceId, lostMs: milliseconds });
    else if (milliseconds > 0) this.#onEvent?.({ type: 'dropped', sourceId, milliseconds });
  }

  #leave(message: string): void {
    clearTimeout(this.#quiet);
    if (this.#recording === undefined || this.#recording.away) return;
    this.#recording.away = true;
    const error = new AudioError('STREAM', message);
    this.#onEvent?.({ type: 'lost', sourceId: this.info.sourceId, error, retryInMs: 0 });
  }
}
