import type { AudioErrorCode } from './audio-error.ts';

/** The programs that can record a microphone. */
export type RecorderName = 'arecord' | 'parec' | 'ffmpeg' | 'sox';

/** A program of the system that records: how it is called, and what its complaints mean. */
export interface Recorder {
  name: RecorderName;
  /** Arguments for mono 16-bit samples on stdout. Without a device: the system's default. */
  args(device: string | undefined, sampleRate: number): string[];
  /** Milliseconds of audio that a line of its stderr says were lost. */
  lostMs?(line: string): number | undefined;
}

const arecord: Recorder = {
  name: 'arecord',
  // Without the plug a card that has only rates of its own records at one of those, and with -q says nothing of it.
  args: (device = 'default', sampleRate) => [
    ...['-q', '-D', `plug:'${device}'`, '-f', 'S16_LE', '-r', String(sampleRate), '-c', '1', '-t', 'raw'],
    ...['--buffer-time=500000', '--period-time=20000'],
  ],
  lostMs: (line) => {
    const lost = /overrun.*at least ([\d.]+) ms/.exec(line)?.[1];
    return lost === undefined ? undefined : Number(lost);
  },
};

const parec: Recorder = {
  name: 'parec',
  args: (device, sampleRate) => [
    ...(device === undefined ? [] : ['-d', device]),
    // Without a latency PulseAudio delivers two seconds at a time.
    ...['--format=s16le', `--rate=${sampleRate}`, '--channels=1', '--latency-msec=20', '--raw'],
  ],
};

/** By platform: ffmpeg's input, and the name it has for the default device. */
const ffmpegInputs: Partial<Record<NodeJS.Platform, (device: string | undefined) => string[]>> = {
  linux: (device = 'default') => ['-f', 'alsa', '-i', device],
  darwin: (device = 'default') => ['-f', 'avfoundation', '-i', `:${device}`],
  win32: (device = 'default') => ['-f', 'dshow', '-i', `audio=${device}`],
};

const ffmpeg: Recorder = {
  name: 'ffmpeg',
  args: (device, sampleRate) => [
    ...['-v', 'error', '-nostdin', '-fflags', 'nobuffer'],
    ...(ffmpegInputs[process.platform] ?? ffmpegInputs.linux!)(device),
    ...['-ac', '1', '-af', `aresample=${sampleRate}`, '-f', 's16le', '-flush_packets', '1', 'pipe:1'],
  ],
};

const sox: Recorder = {
  name: 'sox',
  args: (device, sampleRate) => [
    ...['-q', '--buffer', '1024'],
    ...(device === undefined ? ['-d'] : ['-t', soxDriver(), device]),
    ...['-t', 'raw', '-r', String(sampleRate), '-c', '1', '-b', '16', '-e', 'signed-integer', '-L', '-'],
  ],
};

function soxDriver(): string {
  return { darwin: 'coreaudio', win32: 'waveaudio' }[process.platform as string] ?? 'alsa';
}

/**
 * In the order in which they are tried: by delay. Where PulseAudio or PipeWire runs, `parec` hears 13 ms after
 * the sound, ffmpeg 16, and arecord, led through a plugin, 30 with rare stalls of most of a second
 * (bench/capture/microphone-latency.ts). Without them arecord is the one that works.
 */
export const recorders: readonly Recorder[] =
  process.platform === 'linux' ? [parec, arecord, ffmpeg, sox] : [ffmpeg, sox];

export function recorderByName(name: RecorderName): Recorder | undefined {
  return [arecord, parec, ffmpeg, sox].find((recorder) => recorder.name === name);
}

/** What a recorder's complaint means, in the words of the four programs. */
export function recorderFailure(stderr: string): AudioErrorCode {
  if (/resource busy|device busy|in use/i.test(stderr)) return 'DEVICE_BUSY';
  const missing =
    /no such (file|device|entity)|unknown pcm|cannot (find|open)|can't open|not found|no default|connection (refused|failure|terminated)|host is down|permission denied|input\/output error|invalid argument/i;
  return missing.test(stderr) ? 'NO_DEVICE' : 'RECORDER_DIED';
}
