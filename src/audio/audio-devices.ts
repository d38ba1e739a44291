import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isInstalled } from './microphone.ts';
import type { RecorderName } from './recorder.ts';

const run = promisify(execFile);

/** A microphone that can be listened to. */
export interface AudioDevice {
  /** What `fromMicrophone` takes as `device`. */
  device: string;
  /** The recorder that knows it by this name. */
  recorder: RecorderName;
  /** For people. */
  name: string;
  /** True where the device plays back what another one plays. */
  monitor: boolean;
}

/** The microphones of this machine; an empty list where none, or no recorder, is found. */
export async function listAudioDevices(): Promise<AudioDevice[]> {
  const listers = process.platform === 'linux' ? [listAlsa, listPulse] : [listFfmpeg];
  const lists = await Promise.all(listers.map((list) => list().catch(() => [])));
  return lists.flat();
}

async function listAlsa(): Promise<AudioDevice[]> {
  if (!isInstalled('arecord')) return [];
  const { stdout } = await run('arecord', ['-L'], { timeout: 5000 });
  return parseAlsaDevices(stdout);
}

/** `arecord -L`: a name at the line's start, its description indented on the lines after it. */
export function parseAlsaDevices(text: string): AudioDevice[] {
  const devices: AudioDevice[] = [];
  let described = true;
  for (const line of text.split('\n')) {
    if (/^\S/.test(line)) {
      // The raw hardware and its mixers take only the card's own rate; `plughw` converts.
      if (
        /^(null|hw|dsnoop|sysdefault|front|surround|lavrate|samplerate|speex|jack|oss|upmix|vdownmix)/.test(
          line,
        )
      ) {
        described = true;
        continue;
      }
      devices.push({ device: line.trim(), recorder: 'arecord', name: line.trim(), monitor: false });
      described = false;
    } else if (!described && line.trim() !== '') {
      devices.at(-1)!.name = line.trim();
      described = true;
    }
  }
  return devices;
}

async function listPulse(): Promise<AudioDevice[]> {
  if (!isInstalled('pactl') || !isInstalled('parec')) return [];
  // In others, older versions write numbers with commas; where there is no UTF-8, "(null)" is the name of a "Stéréo".
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const { stdout } = await run('pactl', ['-f', 'json', 'list', 'sources'], { timeout: 5000, env });
  return parsePulseSources(stdout);
}

/** `pactl -f json list sources` */
export function parsePulseSources(json: string): AudioDevice[] {
  const sources: unknown = JSON.parse(json);
  if (!Array.isArray(sources)) return [];
  return sources.flatMap((source: { name?: unknown; description?: unknown; monitor_source?: unknown }) => {
    if (typeof source?.name !== 'string') return [];
    const name = typeof source.description === 'string' ? source.description : source.name;
    const monitor = source.name.endsWith('.monitor');
    return [{ device: source.name, recorder: 'parec' as const, name, monitor }];
  });
}

async function listFfmpeg(): Promise<AudioDevice[]> {
  if (!isInstalled('ffmpeg')) return [];
  const format = process.platform === 'darwin' ? 'avfoundation' : 'dshow';
  const input = process.platform === 'darwin' ? '' : 'dummy';
  // ffmpeg lists on stderr and then fails, since the listing is not a recording.
  const args = ['-hide_banner', '-f', format, '-list_devices', 'true', '-i', input];
  const said = await run('ffmpeg', args, { timeout: 5000 }).catch((error: { stderr?: string }) => error);
  return parseFfmpegDevices(said.stderr ?? '');
}

/** The audio part of what ffmpeg lists for avfoundation and dshow. */
export function parseFfmpegDevices(text: string): AudioDevice[] {
  const devices: AudioDevice[] = [];
  let audio = false;
  for (const line of text.split('\n')) {
    if (/audio devices/i.test(line)) audio = true;
    else if (/video devices/i.test(line)) audio = false;
    const indexed = /\]\s+\[(\d+)\]\s+(.+?)\s*$/.exec(line);
    const quoted = /\]\s+"(.+)"(?:\s+\((audio|video)\))?\s*$/.exec(line);
    if (indexed !== null && audio) {
      devices.push({ device: indexed[1]!, recorder: 'ffmpeg', name: indexed[2]!, monitor: false });
    } else if (quoted !== null && (quoted[2] ?? (audio ? 'audio' : 'video')) === 'audio') {
      devices.push({ device: quoted[1]!, recorder: 'ffmpeg', name: quoted[1]!, monitor: false });
    }
  }
  return devices;
}
