/** A kind of audio file, by the name that ffmpeg has for it. `wav` stands for RIFF, RF64 and BW64. */
export type AudioFormat =
  | 'wav'
  | 'aac'
  | 'aiff'
  | 'amr'
  | 'ape'
  | 'asf'
  | 'au'
  | 'avi'
  | 'caf'
  | 'flac'
  | 'matroska'
  | 'mov'
  | 'mp3'
  | 'mpegts'
  | 'ogg'
  | 'tta'
  | 'voc'
  | 'w64'
  | 'wv';

const magics: readonly { format: AudioFormat; at: number; bytes: string }[] = [
  { format: 'aiff', at: 8, bytes: 'AIFF' },
  { format: 'aiff', at: 8, bytes: 'AIFC' },
  { format: 'amr', at: 0, bytes: '#!AMR' },
  { format: 'ape', at: 0, bytes: 'MAC ' },
  { format: 'asf', at: 0, bytes: '\x30\x26\xb2\x75\x8e\x66\xcf\x11' },
  { format: 'au', at: 0, bytes: '.snd' },
  { format: 'avi', at: 8, bytes: 'AVI ' },
  { format: 'caf', at: 0, bytes: 'caff' },
  { format: 'flac', at: 0, bytes: 'fLaC' },
  { format: 'matroska', at: 0, bytes: '\x1a\x45\xdf\xa3' },
  { format: 'mov', at: 4, bytes: 'ftyp' },
  { format: 'mov', at: 4, bytes: 'moov' },
  { format: 'mov', at: 4, bytes: 'mdat' },
  { format: 'ogg', at: 0, bytes: 'OggS' },
  { format: 'tta', at: 0, bytes: 'TTA1' },
  { format: 'voc', at: 0, bytes: 'Creative Voice File' },
  { format: 'wav', at: 8, bytes: 'WAVE' },
  { format: 'w64', at: 0, bytes: 'riff\x2e\x91\xcf\x11' },
  { format: 'wv', at: 0, bytes: 'wvpk' },
];

/** How many bytes from the start `detectAudioFormat` looks at. */
export const detectedBytes = 192;

/**
 * Tells a file's format by its first bytes; names and extensions lie. `undefined`: none that holds audio.
 */
export function detectAudioFormat(head: Uint8Array): AudioFormat | undefined {
  for (const { format, at, bytes } of magics) {
    if (startsWith(head, at, bytes)) return format;
  }
  if (head[0] === 0x47 && (head[188] === 0x47 || head.length < 189) && head.length >= 188) return 'mpegts';
  if (head[0] === 0xff && (head[1]! & 0xe0) === 0xe0) return frameFormat(head);
  return undefined;
}

/** The length of the ID3v2 tag that a file begins with; the audio, of any format, comes after it. */
export function id3Length(head: Uint8Array): number {
  if (!startsWith(head, 0, 'ID3') || head.length < 10) return 0;
  const size = head.subarray(6, 10).reduce((sum, byte) => (sum << 7) | (byte & 0x7f), 0);
  const footer = head[5]! & 0x10 ? 10 : 0;
  return 10 + size + footer;
}

/** MPEG audio and ADTS both begin with eleven or twelve set bits; the layer field tells them apart. */
function frameFormat(head: Uint8Array): AudioFormat | undefined {
  const layer = (head[1]! >> 1) & 3;
  if (layer === 0) return (head[1]! & 0xf0) === 0xf0 ? 'aac' : undefined;
  const version = (head[1]! >> 3) & 3;
  const bitrate = head[2]! >> 4;
  const rate = (head[2]! >> 2) & 3;
  return version !== 1 && bitrate !== 15 && rate !== 3 ? 'mp3' : undefined;
}

function startsWith(bytes: Uint8Array, at: number, magic: string): boolean {
  if (bytes.length < at + magic.length) return false;
  for (let i = 0; i < magic.length; i++) {
    if (bytes[at + i] !== magic.charCodeAt(i)) return false;
  }
  return true;
}
