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

/** A small computer that starts everything at once takes its time. */
const probeMs = 10_000;

const found = new Map<string, Promise<Ffmpeg>>();

/**
 * Looks once for ffmpeg and how it was built.
 * @throws AudioError `FFMPEG_MISSING`, with how to install it; `TIMEOUT` where the machine is too busy to start it.
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
    if ((error as { killed?: boolean }).killed) {
      throw new AudioError('TIMEOUT', `${path} did not start within ${probeMs / 1000} seconds.`, {
        cause: error,
      });
    }
    throw new AudioError('FFMPEG_MISSING', missing(path), { cause: error });
  }
}

async function probe(path: string): Promise<Ffmpeg> {
  const { stdout, stderr } = await run(path, ['-hide_banner', '-version'], { timeout: probeMs });
  const said = stdout + stderr;
  const soxr = said.includes('--enable-libsoxr');
  return {
    path,
    version: /version (\S+)/.exec(said)?.[1] ?? 'unknown',
    // ffmpeg's own resampler lets aliases through at -43 dB unless its filter is made longer. Without the bound, floats
    // of two channels are mixed to up to 1.4: 3 dB louder than the same sound in a WAV file, and clipped.
    resample: (sampleRate) =>
      `aresample=${sampleRate}:rematrix_maxval=1:${soxr ? 'resampler=soxr' : 'filter_size=64:phase_shift=10:cutoff=0.97'}`,
  };
}

function missing(path: string): string {
  const install =
    { darwin: 'brew install ffmpeg', win32: 'winget install ffmpeg' }[process.platform as string] ??
    'apt install ffmpeg, or your system’s equivalent';
  return `This needs ffmpeg, and "${path}" could not be run. Install it (${install}) or convert the audio to WAV, which needs no ffmpeg.`;
}
