import type { AudioWindow } from '../audio/pcm.ts';
import { BridgeError } from './bridge-error.ts';
import type { WindowReference } from './embedded-window.ts';
import { encodeWindowFrame, type PcmEncoding } from './frames.ts';

/** A window that has no answer yet. */
export interface KeptWindow {
  reference: WindowReference;
  sampleRate: number;
  /** The frame to send, or why it cannot be sent. */
  content: Buffer | BridgeError;
  /** Its number on the current connection; absent while it has not been sent on it. */
  sentAs?: number;
  /** `performance.now()` of the last sending. */
  sentAt?: number;
}

/** A window as it is kept: encoded, or with the error that answers it. `streamRate`: hertz of the windows before it. */
export function keepWindow(
  window: AudioWindow,
  gap: boolean,
  streamRate: number | undefined,
  encoding: PcmEncoding,
): KeptWindow {
  const { seq, firstSample, sampleRate, samples } = window;
  const reference = { seq, firstSample, sampleCount: samples.length, gap };
  return { reference, sampleRate, content: contentOf(window, streamRate, encoding) };
}

function contentOf(
  { samples, sampleRate, firstSample }: AudioWindow,
  streamRate: number | undefined,
  encoding: PcmEncoding,
): Buffer | BridgeError {
  if (!Number.isInteger(sampleRate) || sampleRate < 1) {
    return new BridgeError('SAMPLE_RATE', `A window's sampleRate must be whole hertz, not ${sampleRate}.`);
  }
  if (sampleRate !== (streamRate ?? sampleRate)) {
    return new BridgeError(
      'SAMPLE_RATE',
      `A window has ${sampleRate} Hz in a stream of ${streamRate} Hz. Resample the source to one rate.`,
    );
  }
  try {
    return encodeWindowFrame(samples, firstSample, encoding);
  } catch (error) {
    if (error instanceof BridgeError) return error;
    throw error;
  }
}

/** The windows of a stream that have no answer yet, oldest first; those sent on this connection come before the others. */
export class KeptWindows {
  readonly #windows: KeptWindow[] = [];
  #bytes = 0;
  /** Index of the first window that has not had its turn to be sent. */
  #unsent = 0;

  get length(): number {
    return this.#windows.length;
  }

  /** Of the frames. */
  get bytes(): number {
    return this.#bytes;
  }

  get unsent(): number {
    return this.#windows.length - this.#unsent;
  }

  get first(): KeptWindow | undefined {
    return this.#windows[0];
  }

  /** The window whose turn it is to be sent. */
  get nextToSend(): KeptWindow | undefined {
    return this.#windows[this.#unsent];
  }

  add(window: KeptWindow): void {
    this.#windows.push(window);
    this.#bytes += bytesOf(window);
  }

  /** `nextToSend` has had its turn. */
  passOn(): void {
    this.#unsent++;
  }

  /** It cannot be sent after all. */
  spoil(window: KeptWindow, error: BridgeError): void {
    this.#bytes -= bytesOf(window);
    window.content = error;
  }

  /** The first window is settled. */
  removeFirst(): void {
    const window = this.#windows.shift();
    if (!window) return;
    this.#bytes -= bytesOf(window);
    this.#unsent = Math.max(0, this.#unsent - 1);
  }

  /** Drops the oldest window that the server does not have; says whether there was one and whether one follows it. */
  dropOldestUnsent(): 'none' | 'last' | { next: KeptWindow } {
    const oldest = this.nextToSend;
    if (!oldest) return 'none';
    this.#windows.splice(this.#unsent, 1);
    this.#bytes -= bytesOf(oldest);
    return this.nextToSend ? { next: this.nextToSend } : 'last';
  }

  /** The connection is gone: nothing has been sent on the next one. */
  sendAllAgain(): void {
    this.#unsent = 0;
    for (const window of this.#windows) delete window.sentAs;
  }

  clear(): void {
    this.#windows.length = 0;
    this.#bytes = 0;
    this.#unsent = 0;
  }
}

function bytesOf({ content }: KeptWindow): number {
  return content instanceof Buffer ? content.length : 0;
}
