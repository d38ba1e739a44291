import { spawnSync } from 'node:child_process';
import { Resampler } from '../../src/audio/resampler.ts';

/** One way to bring 44.1 and 48 kHz to 16 kHz. */
export interface AliasResult {
  resampler: string;
  /** Worst of the tones from 8.8 to 20 kHz, relative to the tone: what is heard of what cannot be represented. */
  alias_db: number;
  /** Of a tone of 8.4 kHz, just over the limit. */
  at_8400_db: number;
  /** Of a tone of 7 kHz, which should pass. */
  at_7000_db: number;
  x_realtime: number;
}

type Resample = (samples: Float32Array, rate: number) => Float32Array;

const filters: Record<string, string> = {
  'ffmpeg with soxr (what Earmark asks for)': 'aresample=16000:resampler=soxr',
  'ffmpeg with a longer filter (without soxr)': 'aresample=16000:filter_size=64:phase_shift=10:cutoff=0.97',
  'ffmpeg as it comes': 'aresample=16000',
};

export function compareResamplers(): AliasResult[] {
  const ways: [string, Resample][] = [
    ['Earmark', own],
    ...Object.entries(filters).map(([name, filter]): [string, Resample] => [name, byFfmpeg(filter)]),
  ];
  return ways.map(([resampler, resample]) => {
    const tones = Array.from({ length: 29 }, (_, i) => 8800 + 400 * i);
    const alias = [44_100, 48_000].flatMap((rate) => tones.map((tone) => passed(resample, tone, rate)));
    const minute = sine(1000, 60, 44_100);
    resample(minute.subarray(0, 441_000), 44_100);
    const began = performance.now();
    resample(minute, 44_100);
    const seconds = (performance.now() - began) / 1000;
    return {
      resampler,
      alias_db: round(Math.max(...alias)),
      at_8400_db: round(passed(resample, 8400, 44_100)),
      at_7000_db: round(passed(resample, 7000, 44_100)),
      x_realtime: Math.round(60 / seconds),
    };
  });
}

/** How much of a tone's power comes out, in decibels; the filter's rise and fall at the ends are left out. */
function passed(resample: Resample, frequency: number, rate: number): number {
  const output = resample(sine(frequency, 0.5, rate), rate).subarray(1600, -1600);
  return (
    10 * Math.log10(output.reduce((sum, sample) => sum + sample * sample, 0) / output.length / 0.5 + 1e-20)
  );
}

function own(samples: Float32Array, rate: number): Float32Array {
  const resampler = new Resampler(rate, 16_000);
  const output = new Float32Array(Math.ceil((samples.length * 16_000) / rate));
  let filled = 0;
  const add = (part: Float32Array) => {
    output.set(part, filled);
    filled += part.length;
  };
  for (let at = 0; at < samples.length; at += 4096) add(resampler.push(samples.subarray(at, at + 4096)));
  add(resampler.flush());
  return output;
}

function byFfmpeg(filter: string): Resample {
  return (samples, rate) => {
    const raw = ['-f', 'f32le', '-ar', String(rate), '-ac', '1', '-i', 'pipe:0'];
    const input = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
    const args = ['-v', 'error', '-threads', '1', ...raw, '-af', filter, '-f', 'f32le', 'pipe:1'];
    const { stdout } = spawnSync('ffmpeg', args, { input, maxBuffer: 2 ** 28 });
    return new Float32Array(new Uint8Array(stdout).buffer);
  };
}

function sine(frequency: number, seconds: number, rate: number): Float32Array {
  return Float32Array.from({ length: seconds * rate }, (_, i) =>
    Math.sin((2 * Math.PI * frequency * i) / rate),
  );
}

const round = (value: number) => Math.round(10 * value) / 10;
