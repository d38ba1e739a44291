import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import {
  type AudioSource,
  type AudioWindow,
  Framer,
  type PcmChunk,
  type SoundSegment,
  SoundSegmenter,
} from '../../src/audio/index.ts';
import { creditsBelow } from '../source-credits.ts';
import type { CaptureOptions } from './capture-options.ts';

export type Piece = AudioWindow | SoundSegment;

/** Pieces of a file that may be in the hands of the nodes behind. Two keep the bridge busy. */
const piecesAhead = 2;

interface Cutter {
  push(chunk: PcmChunk): Piece[];
  flush(): Piece[];
}

function cutter(options: CaptureOptions): Cutter {
  return options.cut === 'windows'
    ? new Framer({ windowMs: options.windowSeconds * 1000, hopMs: options.hopSeconds * 1000 })
    : new SoundSegmenter({
        hangOverMs: options.pauseSeconds * 1000,
        maxLengthMs: options.maxSeconds * 1000,
      });
}

/** The pieces of a source, in order. `onChunk` sees all audio on its way. */
export async function* readPieces(
  source: AudioSource,
  options: CaptureOptions,
  signal: AbortSignal,
  onChunk: (chunk: PcmChunk) => void = () => {},
): AsyncGenerator<Piece, void, undefined> {
  const cut = cutter(options);
  for await (const chunk of source.chunks(signal)) {
    onChunk(chunk);
    yield* cut.push(chunk);
  }
  yield* cut.flush();
}

/** `msg.parts` of a piece: its place among the pieces of its file. */
export interface Parts {
  id: string;
  type: 'buffer';
  index: number;
  /** Only with the last one. */
  count?: number;
  ch: '';
}

/** Numbers the pieces of each file. Only when the next file begins, or nothing follows, is a piece known to be the last. */
export async function* inSequences(
  pieces: AsyncIterable<Piece>,
  newId: () => string,
): AsyncGenerator<{ piece: Piece; parts: Parts }, void, undefined> {
  let held: { piece: Piece; parts: Parts } | undefined;
  for await (const piece of pieces) {
    const goesOn = held !== undefined && held.piece.sourceId === piece.sourceId;
    if (held !== undefined) yield goesOn ? held : counted(held);
    const parts: Parts = goesOn
      ? { ...held!.parts, index: held!.parts.index + 1 }
      : { id: newId(), type: 'buffer', index: 0, ch: '' };
    held = { piece, parts };
  }
  if (held !== undefined) yield counted(held);
}

function counted(last: { piece: Piece; parts: Parts }): { piece: Piece; parts: Parts } {
  return { ...last, parts: { ...last.parts, count: last.parts.index + 1 } };
}

/** Lets a source's audio through no faster than it would be heard. */
export function pacedSource(source: AudioSource): AudioSource {
  return {
    info: source.info,
    async *chunks(signal) {
      const start = performance.now();
      let heardMs = 0;
      for await (const chunk of source.chunks(signal)) {
        for (const part of tenths(chunk)) {
          heardMs += (part.samples.length / part.sampleRate) * 1000;
          const wait = start + heardMs - performance.now();
          if (wait > 0) await sleep(wait, undefined, { ...(signal && { signal }) });
          yield part;
        }
      }
    },
  };
}

/** A chunk in parts of a tenth of a second, as a microphone would send it. */
function* tenths(chunk: PcmChunk): Generator<PcmChunk, void, undefined> {
  const length = Math.round(chunk.sampleRate / 10);
  for (let at = 0; at < chunk.samples.length; at += length) {
    const samples = chunk.samples.subarray(at, at + length);
    yield { ...chunk, samples, firstSample: chunk.firstSample + at, gap: at === 0 && chunk.gap };
  }
}

/**
 * Waits until the nodes behind have room for the next piece of the session. The turns in between let what
 * was sent arrive there, since Node-RED delivers asynchronously.
 */
export async function roomBehind(session: string, signal: AbortSignal): Promise<void> {
  await nextTurn();
  await nextTurn();
  await creditsBelow(session, piecesAhead, signal);
}
