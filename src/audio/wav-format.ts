import { AudioError } from './audio-error.ts';

/** How the samples of a WAV file are written. */
export interface WavFormat {
  encoding: 'integer' | 'unsigned' | 'float' | 'alaw' | 'mulaw';
  channels: number;
  /** Hertz. */
  sampleRate: number;
  /** Bytes of one sample of one channel. */
  sampleBytes: number;
  /** Bytes of one sample of all channels. */
  frameBytes: number;
  /** Integers only: bits that the value takes of its container, counted from the low end. */
  shift: number;
}

/** The longest `fmt` chunk that is looked at; the rest of a longer one is skipped. */
export const fmtBytes = 40;

const tags = { pcm: 1, float: 3, alaw: 6, mulaw: 7, extensible: 0xfffe };
/** The last 14 bytes of every sub-format that stands for a plain format tag. */
const extensibleGuid = [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71];

/**
 * Reads a `fmt` chunk. `undefined`: a valid one whose encoding is not read here, such as ADPCM.
 * @throws AudioError `FORMAT` where it describes no audio, `LIMIT` where a number is beyond all reason.
 */
export function parseWavFormat(fmt: Uint8Array): WavFormat | undefined {
  if (fmt.length < 14)
    throw new AudioError('FORMAT', 'This WAV file is damaged: its format chunk is too short.');
  const view = new DataView(fmt.buffer, fmt.byteOffset, fmt.byteLength);
  let tag = view.getUint16(0, true);
  const channels = view.getUint16(2, true);
  const sampleRate = view.getUint32(4, true);
  const blockAlign = view.getUint16(12, true);
  const bits =
    fmt.length >= 16 ? view.getUint16(14, true) : 8 * Math.trunc(blockAlign / Math.max(1, channels));
  const extensible = tag === tags.extensible && fmt.length >= fmtBytes;
  if (extensible) {
    if (!extensibleGuid.every((byte, i) => fmt[26 + i] === byte)) return undefined;
    tag = view.getUint16(24, true);
  }
  if (channels < 1) throw new AudioError('FORMAT', 'This WAV file is damaged: it has no channels.');
  if (channels > 64) {
    throw new AudioError(
      'LIMIT',
      `This WAV file claims ${channels} channels; 64 are the most that are read.`,
    );
  }
  if (sampleRate < 1000 || sampleRate > 768_000) {
    throw new AudioError('LIMIT', `This WAV file claims ${sampleRate} Hz; 1,000 to 768,000 Hz can be read.`);
  }
  const encoding = encodingOf(tag, bits);
  if (encoding === undefined) return undefined;
  if (bits < 1 || bits > 64) {
    throw new AudioError('FORMAT', `This WAV file is damaged: it claims ${bits} bits per sample.`);
  }
  const written = Math.ceil(bits / 8);
  // Some files leave the frame size at 0 or get it wrong; a container wider than the sample is legal.
  const container = blockAlign % channels === 0 ? blockAlign / channels : 0;
  const sampleBytes = container >= written && container <= 8 && container !== 7 ? container : written;
  const floatBytes = encoding === 'float' ? written : sampleBytes;
  // An extensible file keeps its value at the high end of the container, an old one at the low end.
  const shift = extensible || encoding !== 'integer' ? 0 : 8 * (sampleBytes - written);
  return {
    encoding,
    channels,
    sampleRate,
    sampleBytes: floatBytes,
    frameBytes: floatBytes * channels,
    shift,
  };
}

function encodingOf(tag: number, bits: number): WavFormat['encoding'] | undefined {
  switch (tag) {
    case tags.pcm:
      return bits <= 8 ? 'unsigned' : 'integer';
    case tags.float:
      return bits === 32 || bits === 64 ? 'float' : undefined;
    case tags.alaw:
      return bits === 8 ? 'alaw' : undefined;
    case tags.mulaw:
      return bits === 8 ? 'mulaw' : undefined;
    default:
      return undefined;
  }
}
