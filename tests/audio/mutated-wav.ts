import { type WavKind, wavFile } from './wav-files.ts';

const kinds: WavKind[] = [
  { bits: 16 },
  { bits: 8, channels: 2 },
  { bits: 24, channels: 6, sampleRate: 48_000, extensible: true },
  { bits: 32, tag: 3, channels: 2, sampleRate: 44_100 },
  { bits: 64, tag: 3 },
  { bits: 8, tag: 6 },
  { bits: 16, container: 'RF64' },
  { bits: 16, container: 'W64', extra: [{ id: 'fact', bytes: new Uint8Array(4) }] },
  { bits: 16, claimedBytes: 0xffffffff, extra: [{ id: 'LIST', bytes: new Uint8Array(33) }] },
];

/** Values that length and count fields break on. */
const edges = [0, 1, 2, 7, 0x7f, 0x80, 0xff];

/** A WAV file with a few bytes changed, mostly of its header, cut or lengthened; the same for the same seed. */
export function mutatedWav(seed: number): Uint8Array {
  let state = Math.imul(seed, 2_654_435_761) >>> 0 || 1;
  const random = (below: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
  let file: Uint8Array = wavFile(
    kinds[random(kinds.length)]!,
    new Uint8Array(200).map(() => random(256)),
  );
  for (let changes = 1 + random(6); changes > 0; changes--) {
    const at = random(random(4) === 0 ? file.length : Math.min(100, file.length));
    switch (random(5)) {
      case 0:
        file[at] = random(256);
        break;
      case 1:
        file[at] = edges[random(edges.length)]!;
        break;
      case 2:
        // Four bytes at once: most fields are that long.
        file.fill(edges[random(edges.length)]!, at, Math.min(at + 4, file.length));
        break;
      case 3:
        file = Buffer.concat([file.subarray(0, at), file.subarray(at + random(8))]);
        break;
      default:
        file = Buffer.concat([
          file.subarray(0, at),
          file.subarray(random(file.length), at + 8),
          file.subarray(at),
        ]);
    }
    if (file.length === 0) break;
  }
  return random(4) === 0 ? file.subarray(0, random(file.length + 1)) : file;
}
