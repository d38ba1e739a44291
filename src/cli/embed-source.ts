import path from 'node:path';
import { type AudioSource, fileSource } from '../audio/index.ts';
import { type EmbeddedSound, extractFeatures, type Outcome, PullObservable } from '../pipelines/index.ts';
import type { BridgeSession } from './bridge-session.ts';
import { type Cut, cutAudio } from './cut-audio.ts';

export interface FileEmbedding {
  session: BridgeSession;
  cut: Cut;
  /** Whether silent pieces are left out. */
  skipSilence: boolean;
  signal: AbortSignal;
}

/** What was read of a file; complete once its last outcome is out. */
export interface FileTally {
  /** Seconds of audio. */
  seconds: number;
  silentPieces: number;
}

/** Reads a file as fast as the encoder works and gives a vector, or the reason why there is none, per piece. */
export async function* embedFile(
  file: string,
  tally: FileTally,
  embedding: FileEmbedding,
): AsyncGenerator<Outcome<EmbeddedSound>, void, undefined> {
  const { sampleRate } = embedding.session.model;
  const source = fileSource(file, { sampleRate, sourceId: path.resolve(file) });
  for await (const outcome of embedSource(source, tally, embedding)) {
    // A piece shorter than the encoder's least was lengthened by silence; the sound ends where the file does.
    if (outcome.ok) outcome.value.endTime = Math.min(outcome.value.endTime, tally.seconds);
    yield outcome;
  }
}

/** A vector, or the reason why there is none, for each piece of a source. */
export function embedSource(
  source: AudioSource,
  tally: FileTally,
  { session, cut, skipSilence, signal }: FileEmbedding,
): AsyncIterable<Outcome<EmbeddedSound>> {
  const { service, model } = session;
  const pieces = new PullObservable((stop) =>
    cutAudio(source, { cut, model, skipSilence, tally, signal: AbortSignal.any([signal, stop]) }),
  );
  // Over a source that is pulled the operators are pulled too, so that the file waits for the encoder.
  return pieces.pipe(extractFeatures(service, { model: model.name })) as PullObservable<
    Outcome<EmbeddedSound>
  >;
}
