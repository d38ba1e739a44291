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
export const detectedBytes = 8192;

/**
 * Tells a file's format by its first bytes; names and extensions lie. `undefined`: none that holds audio.
 */
export function detectAudioFormat(head: Uint8Array): AudioFormat | undefined {
  for (const { format, at, bytes } of magics) {
    if (startsWith(head, at, bytes)) return format;
  }
  // QuickTime's older files have no `ftyp`, and room for something later at their beginning.
  if (head[0] === 0 && ['free', 'skip', 'wide'].some((atom) => startsWith(head, 4, atom))) return 'mov';
  if (head[0] === 0x47 && (head[188] === 0x47 || head.length < 189) && head.length >= 188) return 'mpegts';
  const whole = head[0] === 0xff && (head[1]! & 0xe0) === 0xe0 ? frameFormat(head) : undefined;
  return whole ?? cutFormat(head.subarray(0, detectedBytes));
}

/** What was recorded from a radio begins in the middle of a frame; three whole ones in a row tell what it is. */
function cutFormat(head: Uint8Array): AudioFormat | undefined {
  for (let at = 1; at < head.length; at++) {
    const first = frameAt(head, at);
    const second = first && frameAt(head, at + first.length);
    const third = second && frameAt(head, at + first!.length + second.length);
    if (third && first!.format === second.format && second.format === third.format) return third.format;
  }
  return undefined;
}

/** Of MPEG 1, and of MPEG 2 and 2.5, in bits per millisecond. */
const bitrates = {
  full: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  low: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};

/** A frame of MP3 or ADTS that begins here, by its header, and its length in bytes. */
function frameAt(bytes: Uint8Array, at: number): { format: 'mp3' | 'aac'; length: number } | undefined {
  if (bytes[at] !== 0xff || at + 6 > bytes.length) return undefined;
  const kind = bytes[at + 1]!;
  if ((kind & 0xf6) === 0xf0) {
    const length = ((bytes[at + 3]! & 3) << 11) | (bytes[at + 4]! << 3) | (bytes[at + 5]! >> 5);
    return length > 7 ? { format: 'aac', length } : undefined;
  }
  const version = (kind >> 3) & 3;
  if ((kind & 0xe6) !== 0xe2 || version === 1) return undefined;
  const rates = bytes[at + 2]!;
  const bitrate = (version === 3 ? bitrates.full : bitrates.low)[rates >> 4];
  const sampleRate = [44_100, 48_000, 32_000][(rates >> 2) & 3];
  if (!bitrate || sampleRate === undefined) return undefined;
  // MPEG 2 halves the rates of MPEG 1, 2.5 quarters them.
  const divisor = { 3: 1, 2: 2, 0: 4 }[version]!;
  const samples = version === 3 ? 1152 : 576;
  const padding = (rates >> 1) & 1;
  const length = Math.trunc((samples * 125 * bitrate * divisor) / sampleRate) + padding;
  return { format: 'mp3', length };
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
