import {
  AudioError,
  type AudioSource,
  type AudioWindow,
  measureLevel,
  type PcmChunk,
  type SoundSegment,
  SoundSegmenter,
} from '../audio/index.ts';
import type { EncoderModel } from '../bridge/index.ts';
import { EncoderWindows } from './encoder-windows.ts';

export const cuts = ['windows', 'sounds', 'whole'] as const;
export type Cut = (typeof cuts)[number];

export const cutOption = {
  kind: 'text',
  placeholder: 'HOW',
  choices: cuts,
  default: 'windows',
  description:
    'What becomes one vector: each of the encoder’s own overlapping windows, each sound that rises over the background, or the whole file.',
} as const;

/** Quieter than this, in dBFS, nothing can be heard on a common recording; its vector would say nothing. */
const silent = -60;

export interface Cutting {
  cut: Cut;
  model: EncoderModel;
  /** Whether silent pieces are left out. */
  skipSilence: boolean;
  /** Counts along; complete once the last piece is out. */
  tally: { seconds: number; silentPieces: number };
  signal: AbortSignal;
}

/** The pieces of a source that become a vector each. */
export async function* cutAudio(
  source: AudioSource,
  { cut, model, skipSilence, tally, signal }: Cutting,
): AsyncGenerator<AudioWindow | SoundSegment, void, undefined> {
  const cutter = cutterFor(cut, model);
  let seq = 0;
  const audible = function* (pieces: (AudioWindow | SoundSegment)[]) {
    for (const piece of pieces) {
      if (skipSilence && measureLevel(piece.samples).level < silent) tally.silentPieces += 1;
      else yield { ...piece, seq: seq++, samples: lengthened(piece.samples, model.minimumSamples) };
    }
  };
  for await (const chunk of source.chunks(signal)) {
    tally.seconds = (chunk.firstSample + chunk.samples.length) / chunk.sampleRate;
    yield* audible(cutter.push(chunk));
  }
  yield* audible(cutter.flush());
}

interface Cutter {
  push(chunk: PcmChunk): (AudioWindow | SoundSegment)[];
  flush(): (AudioWindow | SoundSegment)[];
}

function cutterFor(cut: Cut, model: EncoderModel): Cutter {
  switch (cut) {
    case 'windows':
      return new EncoderWindows(model);
    case 'sounds':
      return new SoundSegmenter();
    case 'whole':
      return new WholeFile(model);
  }
}

/** Keeps a file together, up to what the encoder takes at once. */
class WholeFile implements Cutter {
  private readonly model: EncoderModel;
  private readonly chunks: PcmChunk[] = [];
  private length = 0;

  constructor(model: EncoderModel) {
    this.model = model;
  }

  push(chunk: PcmChunk): [] {
    this.length += chunk.samples.length;
    if (this.length > this.model.maximumSamples) {
      const seconds = Math.floor(this.model.maximumSamples / this.model.sampleRate);
      throw new AudioError(
        'LIMIT',
        `The file is longer than ${seconds} s, the most that one vector can hold. Use --cut windows or --cut sounds.`,
      );
    }
    this.chunks.push(chunk);
    return [];
  }

  flush(): AudioWindow[] {
    const [first] = this.chunks;
    if (first === undefined) return [];
    const samples = new Float32Array(this.length);
    let filled = 0;
    for (const chunk of this.chunks) {
      samples.set(chunk.samples, filled);
      filled += chunk.samples.length;
    }
    const { sampleRate, sourceId } = first;
    return [
      {
        seq: 0,
        firstSample: 0,
        sampleRate,
        samples,
        gap: false,
        ...(sourceId === undefined ? {} : { sourceId }),
      },
    ];
  }
}

/** A sound shorter than the encoder's least is followed by silence. */
function lengthened(samples: Float32Array, minimum: number): Float32Array {
  if (samples.length >= minimum) return samples;
  const longer = new Float32Array(minimum);
  longer.set(samples);
  return longer;
}
