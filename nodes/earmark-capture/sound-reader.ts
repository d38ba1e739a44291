import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import {
  type AudioSource,
  type AudioWindow,
  Framer,
  type PcmChunk,
  type SoundSegment,
  SoundSegmenter,
} from '../../src/audio/index.ts';
import type { SoundFormat } from '../sound-message.ts';
import { creditsBelow, creditsHeld } from '../source-credits.ts';
import type { CaptureOptions } from './capture-options.ts';

export type Piece = AudioWindow | SoundSegment;

/**
 * Pieces that may be in the hands of the nodes behind. Two keep the bridge busy; what is read as it would be heard
 * waits until the last sound is worked off, so that what was learnt from it holds for the next one.
 */
const piecesAhead = { fast: 2, live: 1 };

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
  /** What *join* makes of them: samples become one buffer, WAV files a list. */
  type: 'buffer' | 'array';
  index: number;
  /** Only with the last one. */
  count?: number;
  /** What comes between two buffers: nothing. */
  ch?: '';
  /** Of a list's pieces. */
  len?: 1;
}

/** Numbers the pieces of each file. Only when the next file begins, or nothing follows, is a piece known to be the last. */
export async function* inSequences(
  pieces: AsyncIterable<Piece>,
  format: SoundFormat,
  newId: () => string,
): AsyncGenerator<{ piece: Piece; parts: Parts }, void, undefined> {
  const type =
    format === 'wav' ? ({ type: 'array', len: 1 } as const) : ({ type: 'buffer', ch: '' } as const);
  let held: { piece: Piece; parts: Parts } | undefined;
  for await (const piece of pieces) {
    const goesOn = held !== undefined && held.piece.sourceId === piece.sourceId;
    if (held !== undefined) yield goesOn ? held : counted(held);
    const parts: Parts = goesOn
      ? { ...held!.parts, index: held!.parts.index + 1 }
      : { id: newId(), ...type, index: 0 };
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
      let due = performance.now();
      for await (const chunk of source.chunks(signal)) {
        for (const part of tenths(chunk)) {
          // What was held up is not made up for: nothing is ever heard faster than it sounds.
          due = Math.max(due, performance.now()) + (part.samples.length / part.sampleRate) * 1000;
          await sleep(due - performance.now(), undefined, { ...(signal && { signal }) });
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
 * Waits until the nodes behind have room for the next piece of the session. Node-RED delivers asynchronously: what
 * one node has let go of arrives at the next one some turns later, so it is looked at again after these.
 */
export async function roomBehind(
  session: string,
  pace: CaptureOptions['pace'],
  signal: AbortSignal,
): Promise<void> {
  do {
    await creditsBelow(session, piecesAhead[pace], signal);
    await nextTurn();
    await nextTurn();
  } while (creditsHeld(session) >= piecesAhead[pace]);
  signal.throwIfAborted();
}
