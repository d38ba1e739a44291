/**
 * A mono WAV file of these samples, 16-bit unless `float` is asked for. Samples beyond [-1, 1] are clipped in
 * 16 bits.
 */
export function encodeWav(
  samples: Float32Array,
  sampleRate: number,
  encoding: 'int16' | 'float' = 'int16',
): Uint8Array<ArrayBuffer> {
  const sampleBytes = encoding === 'float' ? 4 : 2;
  const dataBytes = samples.length * sampleBytes;
  const wav = new Uint8Array(44 + dataBytes);
  const view = new DataView(wav.buffer);
  const put = (at: number, word: string) => {
    for (let i = 0; i < word.length; i++) wav[at + i] = word.charCodeAt(i);
  };
  put(0, 'RIFF');
  view.setUint32(4, 36 + dataBytes, true);
  put(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, encoding === 'float' ? 3 : 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * sampleBytes, true);
  view.setUint16(32, sampleBytes, true);
  view.setUint16(34, 8 * sampleBytes, true);
  put(36, 'data');
  view.setUint32(40, dataBytes, true);
  for (const [i, sample] of samples.entries()) {
    if (encoding === 'float') view.setFloat32(44 + 4 * i, sample, true);
    else view.setInt16(44 + 2 * i, Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768))), true);
  }
  return wav;
}
