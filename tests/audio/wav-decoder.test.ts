import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AudioError } from '../../src/audio/audio-error.ts';
import { WavDecoder } from '../../src/audio/wav-decoder.ts';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import { mutatedWav } from './mutated-wav.ts';
import { joined, noise, sine } from './signals.ts';
import { type WavKind, wavFile } from './wav-files.ts';

function decode(file: Uint8Array, cuts: readonly number[] = []): Float32Array {
  const decoder = new WavDecoder();
  const parts: Float32Array[] = [];
  let from = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), file.length]) {
    parts.push(decoder.push(file.subarray(from, cut)));
    from = Math.max(from, cut);
  }
  decoder.end();
  return joined(parts);
}

const bytesOf = (values: ArrayBufferView<ArrayBuffer>) => new Uint8Array(values.buffer);

describe('WavDecoder', () => {
  const halves: [name: string, kind: WavKind, data: Uint8Array][] = [
    ['8 bit', { bits: 8 }, Uint8Array.of(192, 64)],
    ['16 bit', { bits: 16 }, bytesOf(Int16Array.of(16_384, -16_384))],
    ['24 bit', { bits: 24 }, Uint8Array.of(0, 0, 0x40, 0, 0, 0xc0)],
    ['32 bit', { bits: 32 }, bytesOf(Int32Array.of(2 ** 30, -(2 ** 30)))],
    ['64 bit', { bits: 64 }, bytesOf(BigInt64Array.of(2n ** 62n, -(2n ** 62n)))],
    ['12 bit in 2 bytes', { bits: 12 }, Uint8Array.of(0, 0x40, 0, 0xc0)],
    ['20 bit in 3 bytes', { bits: 20 }, Uint8Array.of(0, 0, 0x40, 0, 0, 0xc0)],
    [
      '24 bit at the low end of 4 bytes',
      { bits: 24, containerBytes: 4 },
      Uint8Array.of(0, 0, 0x40, 0, 0, 0, 0xc0, 0xff),
    ],
    [
      '24 bit at the high end of 4 bytes',
      { bits: 24, containerBytes: 4, extensible: true },
      Uint8Array.of(0, 0, 0, 0x40, 0, 0, 0, 0xc0),
    ],
    ['float', { bits: 32, tag: 3 }, bytesOf(Float32Array.of(0.5, -0.5))],
    ['double', { bits: 64, tag: 3 }, bytesOf(Float64Array.of(0.5, -0.5))],
    ['extensible float', { bits: 32, tag: 3, extensible: true }, bytesOf(Float32Array.of(0.5, -0.5))],
  ];

  it.each(halves)('reads %s', (_, kind, data) => {
    expect([...decode(wavFile(kind, data))]).toEqual([0.5, -0.5]);
  });

  // The first and last codes of each sign, and silence, by ITU-T G.711's tables.
  it.each([
    ['A-law', 6, [0x80, 0xaa, 0x2a, 0xd5, 0x55], [5504, 32_256, -32_256, 8, -8]],
    ['mu-law', 7, [0x80, 0x00, 0xff, 0x7f, 0x8f], [32_124, -32_124, 0, 0, 16_764]],
  ])('reads %s', (_, tag, codes, values) => {
    const decoded = decode(wavFile({ bits: 8, tag }, Uint8Array.from(codes)));
    expect([...decoded].map((sample) => Math.round(sample * 32_768))).toEqual(values);
  });

  it.each(['RIFF', 'RF64', 'BW64', 'W64'] as const)(
    'reads %s with odd chunks before the audio',
    (container) => {
      const samples = noise(0.1, 0.5);
      const data = encodeWav(samples, 16_000).subarray(44);
      const extra = [
        { id: 'LIST', bytes: new Uint8Array(5) },
        { id: 'JUNK', bytes: new Uint8Array(3000) },
      ];
      const decoded = decode(wavFile({ container, bits: 16, extra }, data));
      expect(decoded).toEqual(decode(encodeWav(samples, 16_000)));
      expect(decoded.length).toBe(samples.length);
    },
  );

  it('mixes channels by their mean', () => {
    const data = bytesOf(Int16Array.of(16_384, 0, 16_384, -16_384));
    expect([...decode(wavFile({ bits: 16, channels: 2 }, data))]).toEqual([0.25, 0]);
  });

  it('makes silence of what is not a number and clips what is too loud', () => {
    const data = bytesOf(Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, 7, -7));
    expect([...decode(wavFile({ bits: 32, tag: 3 }, data))]).toEqual([0, 0, 1, -1]);
  });

  it('takes a stream that never learnt its length to its end', () => {
    const data = encodeWav(sine(440, 0.1), 16_000).subarray(44);
    for (const claimedBytes of [0, 0xffffffff, data.length * 4]) {
      expect(decode(wavFile({ bits: 16, claimedBytes }, data)).length).toBe(data.length / 2);
    }
  });

  it('does not take chunks after the audio for audio', () => {
    const file = Buffer.concat([encodeWav(sine(440, 0.1), 16_000), Buffer.from('LIST\x04\0\0\0INFO')]);
    expect(decode(file).length).toBe(1600);
    const empty = Buffer.concat([encodeWav(new Float32Array(0), 16_000), Buffer.from('LIST\x04\0\0\0INFO')]);
    expect(() => decode(empty)).toThrow(expect.objectContaining({ code: 'EMPTY' }));
  });

  it('leaves a half frame at the end out', () => {
    expect(
      decode(Buffer.concat([encodeWav(sine(440, 0.1), 16_000), Buffer.from([1])]).subarray(0, -2)).length,
    ).toBe(1599);
  });

  it('knows a valid file that needs ffmpeg', () => {
    const decoder = new WavDecoder();
    decoder.push(wavFile({ bits: 4, tag: 0x11 }, new Uint8Array(64)));
    expect(decoder.unsupported).toBe(true);
  });

  it.each([
    ['LIMIT', { bits: 16, channels: 65 }],
    ['LIMIT', { bits: 16, sampleRate: 768_001 }],
    ['LIMIT', { bits: 16, sampleRate: 999 }],
    ['FORMAT', { bits: 16, channels: 0 }],
    ['FORMAT', { bits: 0 }],
    ['FORMAT', { bits: 65, containerBytes: 2 }],
  ] as const)('refuses with %s what %o claims', (code, kind) => {
    expect(() => decode(wavFile(kind, new Uint8Array(64)))).toThrow(expect.objectContaining({ code }));
  });

  it('gives up on a file that has chunks without end', () => {
    const chunks = Buffer.concat(Array.from({ length: 2000 }, () => Buffer.from('JUNK\0\0\0\0', 'latin1')));
    const file = Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVE', 'latin1'), chunks]);
    expect(() => decode(file)).toThrow(expect.objectContaining({ code: 'LIMIT' }));
  });

  it('gives the same samples however the bytes are cut', () => {
    const file = wavFile(
      { bits: 24, channels: 3, extra: [{ id: 'LIST', bytes: new Uint8Array(7) }] },
      Buffer.from(noise(0.05, 1).buffer).subarray(0, 2250),
    );
    const whole = decode(file);
    fc.assert(
      fc.property(fc.array(fc.nat(file.length), { maxLength: 40 }), (cuts) => {
        expect(decode(file, cuts)).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });

  it('answers 3,000 mutated files with samples or a typed error, never more samples than bytes', () => {
    for (let seed = 1; seed <= 3000; seed++) {
      const file = mutatedWav(seed);
      try {
        const samples = decode(
          file,
          seed % 2 === 0 ? [file.length / 3, file.length / 2].map(Math.trunc) : [],
        );
        expect(samples.length).toBeLessThanOrEqual(file.length);
        expect(samples.every((sample) => Math.abs(sample) <= 1)).toBe(true);
      } catch (error) {
        if (!(error instanceof AudioError)) throw new Error(`seed ${seed}`, { cause: error });
        expect(['FORMAT', 'EMPTY', 'LIMIT']).toContain(error.code);
      }
    }
  });
});

describe('encodeWav', () => {
  it('writes what the decoder reads, to half a step of 16 bits and exactly in floats', () => {
    const samples = noise(0.2, 0.99, 7);
    const integers = decode(encodeWav(samples, 16_000));
    for (const [i, sample] of samples.entries())
      expect(Math.abs(integers[i]! - sample)).toBeLessThanOrEqual(0.5001 / 32_768);
    expect(decode(encodeWav(samples, 16_000, 'float'))).toEqual(samples);
  });

  it('clips what does not fit', () => {
    expect([...decode(encodeWav(Float32Array.of(2, -2), 16_000))]).toEqual([32_767 / 32_768, -1]);
  });
});
