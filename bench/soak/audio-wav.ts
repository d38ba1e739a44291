import { AudioError } from '../../src/audio/audio-error.ts';
import { WavDecoder } from '../../src/audio/wav-decoder.ts';
import { mutatedWav } from '../../tests/audio/mutated-wav.ts';

/** `[files] [first seed]`: mutated WAV files through the reader; samples or a typed error, in bounded memory. */
export async function run({ args }: { args: string[] }): Promise<Record<string, unknown>> {
  const files = Number(args[0] ?? 100_000);
  const first = Number(args[1] ?? 1);
  const outcomes: Record<string, number> = {};
  let slowest = 0;
  let largest = 0;
  const before = process.memoryUsage.rss();
  for (let seed = first; seed < first + files; seed++) {
    const file = mutatedWav(seed);
    const began = performance.now();
    const outcome = decode(file, seed);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    slowest = Math.max(slowest, performance.now() - began);
    if (seed % 1000 === 0) largest = Math.max(largest, process.memoryUsage.rss());
  }
  const growth_mb = Math.round((largest - before) / 1e6);
  if (growth_mb > 256) throw new Error(`Memory grew by ${growth_mb} MB.`);
  return { files, outcomes, slowest_ms: Math.round(10 * slowest) / 10, growth_mb };
}

/** The error's code, or `decoded`. Anything but a typed error, or more samples than bytes, ends the run. */
function decode(file: Uint8Array, seed: number): string {
  const decoder = new WavDecoder();
  try {
    const cut = seed % (file.length + 1);
    const samples = decoder.push(file.subarray(0, cut)).length + decoder.push(file.subarray(cut)).length;
    if (samples > file.length) throw new Error(`seed ${seed}: ${samples} samples of ${file.length} bytes`);
    decoder.end();
    return decoder.unsupported ? 'needs ffmpeg' : 'decoded';
  } catch (error) {
    if (error instanceof AudioError) return error.code;
    throw new Error(`seed ${seed}`, { cause: error });
  }
}
