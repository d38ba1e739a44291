import { AudioError } from './audio-error.ts';
import { fmtBytes, parseWavFormat, type WavFormat } from './wav-format.ts';
import { mixFrames } from './wav-samples.ts';

/** Where in the file the next byte belongs. */
type State =
  | { at: 'start' }
  | { at: 'w64-start' }
  | { at: 'chunk' }
  | { at: 'ds64'; bytes: number; skip: number }
  | { at: 'fmt'; bytes: number; skip: number }
  | { at: 'skip'; left: number }
  /** The data chunk says 0 bytes: either a stream that never learnt its length, or truly nothing. */
  | { at: 'doubt' }
  | { at: 'data'; left: number }
  | { at: 'ended' };

/** Chunks that may follow an empty data chunk; anything else is taken for audio. */
const knownChunks = new Set(['LIST', 'fact', 'cue ', 'bext', 'JUNK', 'id3 ', 'smpl', 'iXML', 'PEAK', 'data']);

/** Chunks before the audio; a file with more is made to waste time. */
const mostChunks = 1024;

/**
 * Reads WAV audio as it arrives: RIFF, RF64, BW64 and Sony Wave64, of known or unknown length. Holds no more
 * than one chunk header and one frame. Bytes in, mono samples at the file's own rate out.
 */
export class WavDecoder {
  /** Known once the `fmt` chunk was read. */
  format: WavFormat | undefined;
  /** True once the file turned out to be a valid WAV in an encoding that is not read here, such as ADPCM. */
  unsupported = false;
  /** Samples decoded so far. */
  decoded = 0;

  #state: State = { at: 'start' };
  #pending = new Uint8Array(0);
  #wave64 = false;
  /** The true length of the data chunk of an RF64 file. */
  #dataBytes64: number | undefined;
  #chunks = 0;

  /** @throws AudioError `FORMAT` or `LIMIT`; nothing may be pushed after that. */
  push(bytes: Uint8Array): Float32Array {
    const parts: Float32Array[] = [];
    let rest = this.#pending.length > 0 ? joined(this.#pending, bytes) : bytes;
    for (;;) {
      const before = rest.length;
      const state = this.#state;
      rest = this.#step(rest, parts);
      if (this.#state === state && rest.length === before) break;
      if (rest.length === 0 && this.#state.at !== 'chunk') break;
    }
    this.#pending = rest.slice();
    return parts.length === 1 ? parts[0]! : concatenated(parts);
  }

  /** Bytes of audio that are still to come by what the file says; infinite where it does not say. */
  get left(): number {
    return this.#state.at === 'data' ? this.#state.left : 0;
  }

  /** True once the audio is over; what follows it in the file is of no interest. */
  get ended(): boolean {
    return this.#state.at === 'ended';
  }

  /**
   * Says that no more bytes follow.
   * @throws AudioError `EMPTY` for a file without a sample, `FORMAT` for one that ended before its audio.
   */
  end(): void {
    if (this.decoded > 0 || this.unsupported) return;
    const { at } = this.#state;
    if (at === 'data' || at === 'doubt' || at === 'ended') {
      throw new AudioError('EMPTY', 'This WAV file holds no audio: its data chunk is empty.');
    }
    throw new AudioError('FORMAT', 'This is not a readable WAV file: it ends before its audio begins.');
  }

  /** Takes what it can of `bytes` and returns the rest. */
  #step(bytes: Uint8Array, parts: Float32Array[]): Uint8Array {
    const state = this.#state;
    switch (state.at) {
      case 'start':
        return bytes.length < 12 ? bytes : this.#start(bytes);
      case 'w64-start':
        if (bytes.length < 40) return bytes;
        if (text(bytes, 24) !== 'wave') throw new AudioError('FORMAT', 'This Wave64 file holds no audio.');
        return this.#goTo({ at: 'chunk' }, bytes.subarray(40));
      case 'chunk':
        return bytes.length < (this.#wave64 ? 24 : 8) ? bytes : this.#chunk(bytes);
      case 'ds64':
        if (bytes.length < state.bytes) return bytes;
        this.#dataBytes64 = size64(bytes, 8);
        return this.#goTo({ at: 'skip', left: state.skip }, bytes.subarray(state.bytes));
      case 'fmt':
        if (bytes.length < state.bytes) return bytes;
        this.format = parseWavFormat(bytes.subarray(0, state.bytes));
        this.unsupported = this.format === undefined;
        return this.#goTo(
          this.unsupported ? { at: 'ended' } : { at: 'skip', left: state.skip },
          bytes.subarray(state.bytes),
        );
      case 'skip': {
        const skipped = Math.min(state.left, bytes.length);
        const left = state.left - skipped;
        return this.#goTo(left === 0 ? { at: 'chunk' } : { at: 'skip', left }, bytes.subarray(skipped));
      }
      case 'doubt':
        if (bytes.length < 4) return bytes;
        return this.#goTo(
          knownChunks.has(text(bytes, 0)) ? { at: 'ended' } : { at: 'data', left: Number.POSITIVE_INFINITY },
          bytes,
        );
      case 'data':
        return this.#data(bytes, state.left, parts);
      case 'ended':
        return bytes.subarray(bytes.length);
    }
  }

  #goTo(state: State, rest: Uint8Array): Uint8Array {
    this.#state = state;
    return rest;
  }

  #start(bytes: Uint8Array): Uint8Array {
    const magic = text(bytes, 0);
    if ((magic === 'RIFF' || magic === 'RF64' || magic === 'BW64') && text(bytes, 8) === 'WAVE') {
      return this.#goTo({ at: 'chunk' }, bytes.subarray(12));
    }
    if (magic === 'riff') {
      this.#wave64 = true;
      return this.#goTo({ at: 'w64-start' }, bytes);
    }
    throw new AudioError('FORMAT', 'This is not a WAV file: it does not begin like one.');
  }

  #chunk(bytes: Uint8Array): Uint8Array {
    if (++this.#chunks > mostChunks) {
      throw new AudioError('LIMIT', `This WAV file has more than ${mostChunks} chunks before its audio.`);
    }
    const id = text(bytes, 0);
    const header = this.#wave64 ? 24 : 8;
    // Wave64 counts the header into the size and pads to eight bytes; the others pad to two.
    const size = this.#wave64 ? size64(bytes, 16) - header : size32(bytes, 4);
    if (size < 0) throw new AudioError('FORMAT', 'This WAV file is damaged: a chunk has an impossible size.');
    const padded = this.#wave64 ? Math.ceil(size / 8) * 8 : size + (size % 2);
    const rest = bytes.subarray(header);
    if (id === 'data') return this.#goTo(this.#dataState(size), rest);
    if (id === 'fmt ') {
      const read = Math.min(size, fmtBytes);
      return this.#goTo({ at: 'fmt', bytes: read, skip: padded - read }, rest);
    }
    if (id === 'ds64' && size >= 16) return this.#goTo({ at: 'ds64', bytes: 16, skip: padded - 16 }, rest);
    return this.#goTo({ at: 'skip', left: padded }, rest);
  }

  #dataState(size: number): State {
    if (this.format === undefined) {
      throw new AudioError('FORMAT', 'This WAV file is damaged: its audio begins before its format is said.');
    }
    if (size === 0xffffffff && !this.#wave64) {
      return { at: 'data', left: this.#dataBytes64 || Number.POSITIVE_INFINITY };
    }
    return size === 0 ? { at: 'doubt' } : { at: 'data', left: size };
  }

  #data(bytes: Uint8Array, left: number, parts: Float32Array[]): Uint8Array {
    const format = this.format!;
    const whole = Math.trunc(Math.min(bytes.length, left) / format.frameBytes) * format.frameBytes;
    if (whole > 0) {
      const samples = mixFrames(bytes.subarray(0, whole), format);
      this.decoded += samples.length;
      parts.push(samples);
    }
    const remaining = left - whole;
    if (remaining < format.frameBytes) return this.#goTo({ at: 'ended' }, bytes.subarray(bytes.length));
    if (whole > 0) this.#state = { at: 'data', left: remaining };
    return bytes.subarray(whole);
  }
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!);
}

function size32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function size64(bytes: Uint8Array, at: number): number {
  return size32(bytes, at) + size32(bytes, at + 4) * 2 ** 32;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
