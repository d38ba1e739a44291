import type { AudioError } from './audio-error.ts';
import type { PcmChunk, SourceInfo } from './pcm.ts';

/**
 * Where audio comes from. Nothing is opened before `chunks` is iterated, and each iteration is a session of
 * its own: it opens the file, the recorder or the socket, and closes it when the iteration ends, whether by
 * the audio's end, an error, `break`, or the signal.
 */
export interface AudioSource {
  readonly info: SourceInfo;
  /**
   * Mono chunks at `info.sampleRate`, in order. Ends when the audio does.
   * @throws AudioError; code `CANCELLED` when the signal was aborted.
   */
  chunks(signal?: AbortSignal): AsyncIterable<PcmChunk>;
}

/** What every source can be told. */
export interface SourceOptions {
  /** Sample rate of the chunks in hertz, 1,000 to 768,000. Default 16,000, the encoder's. */
  sampleRate?: number;
  /** Whether a constant offset is taken out (everything under about 10 Hz). Default true. */
  removeDc?: boolean;
  /** Overrides the name under which the audio is remembered. */
  sourceId?: string;
  /** Is told what a user may want to see while the source goes on. Must not throw. */
  onEvent?: (event: SourceEvent) => void;
}

/** What happens to a source beside its audio. */
export type SourceEvent =
  /** Audio is arriving. `via` says how: the recorder's name, `wav`, `ffmpeg`, a peer's address. */
  | { type: 'started'; sourceId: string; via: string }
  /** A live source was lost and will be tried again. */
  | { type: 'lost'; sourceId: string; error: AudioError; retryInMs: number }
  /** A live source is back; `lostMs` of audio are missing and the next chunk has `gap` set. */
  | { type: 'recovered'; sourceId: string; lostMs: number }
  /** The consumer was too slow for a live source and audio was dropped. */
  | { type: 'dropped'; sourceId: string; milliseconds: number }
  /** A file is damaged; what could be decoded was. */
  | { type: 'damaged'; sourceId: string; message: string }
  /** One file of a folder, or a folder in it, could not be read; the next one follows. */
  | { type: 'skipped'; sourceId: string; error: AudioError };

export const defaultSampleRate = 16_000;
