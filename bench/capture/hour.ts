import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const rate = 44_100;

export interface HourResult {
  format: string;
  megabytes: number;
  /** Seconds of audio per second, this process and ffmpeg together. */
  x_realtime: number;
  /** Most memory of the reading process, and of ffmpeg beside it. */
  own_mb: number;
  ffmpeg_mb: number;
  /** How much the reading process grew between the first tenth and the end. */
  growth_mb: number;
  samples: number;
}

/** Decodes an hour of 44.1 kHz stereo in each format, each in a process of its own. */
export async function decodeHours(): Promise<HourResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'earmark-hour-'));
  try {
    const wav = join(folder, 'hour.wav');
    await writeHour(wav);
    const results = [await decodeHour(wav)];
    for (const [name, ...codec] of [
      ['hour.flac', '-compression_level', '0'],
      ['hour.mp3', '-c:a', 'libmp3lame', '-compression_level', '9', '-b:a', '128k'],
    ]) {
      execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', wav, ...codec, join(folder, name!)]);
      results.push(await decodeHour(join(folder, name!)));
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function decodeHour(path: string): Promise<HourResult> {
  const script = new URL('decode-hour.ts', import.meta.url).pathname;
  const { stdout } = await run(process.execPath, [script, path], { maxBuffer: 1e6 });
  return JSON.parse(stdout) as HourResult;
}

/** Sixty times the same minute of tones in noise, in two channels of 16 bits. */
async function writeHour(path: string): Promise<void> {
  const minute = new Int16Array(2 * 60 * rate);
  for (let i = 0; i < minute.length; i += 2) {
    const tone = Math.sin((2 * Math.PI * (300 + (i >> 1) / 500) * i) / 2 / rate);
    minute[i] = 8000 * tone + 1000 * (Math.random() - 0.5);
    minute[i + 1] = 6000 * tone + 1000 * (Math.random() - 0.5);
  }
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + 60 * minute.byteLength, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(2, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(4 * rate, 28);
  header.writeUInt16LE(4, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(60 * minute.byteLength, 40);
  const file = createWriteStream(path);
  file.write(header);
  for (let i = 0; i < 60; i++) {
    if (!file.write(Buffer.from(minute.buffer))) await once(file, 'drain');
  }
  await new Promise<void>((resolve) => file.end(resolve));
}
