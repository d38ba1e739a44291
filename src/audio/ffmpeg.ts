import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { AudioError } from './audio-error.ts';

const run = promisify(execFile);

export interface FfmpegOptions {
  /** The ffmpeg program. Default: `ffmpeg` on the PATH. */
  ffmpegPath?: string;
}

/** What the installed ffmpeg can do. */
export interface Ffmpeg {
  path: string;
  version: string;
  /** The audio filter that brings any input to `sampleRate`. */
  resample(sampleRate: number): string;
}

const found = new Map<string, Promise<Ffmpeg>>();

/**
 * Looks once for ffmpeg and how it was built.
 * @throws AudioError `FFMPEG_MISSING`, with how to install it.
 */
export async function findFfmpeg(options: FfmpegOptions = {}): Promise<Ffmpeg> {
  const path = options.ffmpegPath ?? 'ffmpeg';
  const known = found.get(path) ?? probe(path);
  found.set(path, known);
  try {
    return await known;
  } catch (error) {
    // It may be installed while Earmark runs.
    found.delete(path);
    throw new AudioError('FFMPEG_MISSING', missing(path), { cause: error });
  }
}

async function probe(path: string): Promise<Ffmpeg> {
  const { stdout, stderr } = await run(path, ['-hide_banner', '-version'], { timeout: 10_000 });
  const said = stdout + stderr;
  const soxr = said.includes('--enable-libsoxr');
  return {
    path,
    version: /version (\S+)/.exec(said)?.[1] ?? 'unknown',
    // ffmpeg's own resampler lets aliases through at -43 dB unless its filter is made longer.
    resample: (sampleRate) =>
      soxr
        ? `aresample=${sampleRate}:resampler=soxr`
        : `aresample=${sampleRate}:filter_size=64:phase_shift=10:cutoff=0.97`,
  };
}

function missing(path: string): string {
  const install =
    { darwin: 'brew install ffmpeg', win32: 'winget install ffmpeg' }[process.platform as string] ??
    'apt install ffmpeg, or your system’s equivalent';
  return `This needs ffmpeg, and "${path}" could not be run. Install it (${install}) or convert the audio to WAV, which needs no ffmpeg.`;
}
