/** Writes WAV files of every kind for the tests, independently of the package's own writer. */
export interface WavKind {
  container?: 'RIFF' | 'RF64' | 'BW64' | 'W64';
  tag?: number;
  bits: number;
  channels?: number;
  sampleRate?: number;
  /** Bytes per sample where they are more than the bits need. */
  containerBytes?: number;
  extensible?: boolean;
  /** What the data chunk says of its size. Default: the truth. */
  claimedBytes?: number;
  /** Chunks between `fmt ` and `data`. */
  extra?: { id: string; bytes: Uint8Array }[];
}

/** A file of these frames; each value is what is written, before it is packed into bytes. */
export function wavFile(kind: WavKind, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const { container = 'RIFF', extra = [] } = kind;
  const wave64 = container === 'W64';
  const chunks = [
    ...(container === 'RF64' || container === 'BW64' ? [chunk('ds64', ds64(data.length), false)] : []),
    chunk('fmt ', fmt(kind), wave64),
    ...extra.map(({ id, bytes }) => chunk(id, bytes, wave64)),
    chunk(
      'data',
      data,
      wave64,
      container === 'RF64' || container === 'BW64' ? 0xffffffff : kind.claimedBytes,
    ),
  ];
  const body = Buffer.concat(chunks);
  if (wave64) {
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(body.length + 40));
    return bytes([guid('riff'), size, guid('wave'), body]);
  }
  const size = Buffer.alloc(4);
  size.writeUInt32LE(container === 'RIFF' ? Math.min(0xffffffff, body.length + 4) : 0xffffffff);
  return bytes([Buffer.from(container), size, Buffer.from('WAVE'), body]);
}

function fmt({
  tag = 1,
  bits,
  channels = 1,
  sampleRate = 16_000,
  containerBytes,
  extensible,
}: WavKind): Buffer {
  const sampleBytes = containerBytes ?? Math.ceil(bits / 8);
  const header = Buffer.alloc(extensible ? 40 : 16);
  header.writeUInt16LE(extensible ? 0xfffe : tag, 0);
  header.writeUInt16LE(channels, 2);
  header.writeUInt32LE(sampleRate, 4);
  header.writeUInt32LE(sampleRate * channels * sampleBytes, 8);
  header.writeUInt16LE(channels * sampleBytes, 12);
  header.writeUInt16LE(extensible ? sampleBytes * 8 : bits, 14);
  if (extensible) {
    header.writeUInt16LE(22, 16);
    header.writeUInt16LE(bits, 18);
    header.writeUInt16LE(tag, 24);
    header.set([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71], 26);
  }
  return header;
}

function ds64(dataBytes: number): Buffer {
  const chunkBytes = Buffer.alloc(28);
  chunkBytes.writeBigUInt64LE(BigInt(dataBytes), 8);
  return chunkBytes;
}

function chunk(id: string, data: Uint8Array, wave64: boolean, claimed = data.length): Buffer {
  if (wave64) {
    const header = Buffer.concat([guid(id), Buffer.alloc(8)]);
    header.writeBigUInt64LE(BigInt(claimed + 24), 16);
    return Buffer.concat([header, data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
  }
  const header = Buffer.alloc(8);
  header.write(id, 'latin1');
  header.writeUInt32LE(claimed, 4);
  return Buffer.concat([header, data, Buffer.alloc(data.length % 2)]);
}

/** Wave64 names its chunks by GUIDs, of which the first four bytes are the old names. */
function guid(id: string): Buffer {
  const tail = id === 'riff' ? '2e91cf11a5d628db04c10000' : 'f3acd3118cd100c04f8edb8a';
  return Buffer.concat([Buffer.from(id, 'latin1'), Buffer.from(tail, 'hex')]);
}

function bytes(parts: Buffer[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}
