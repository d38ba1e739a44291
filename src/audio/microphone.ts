import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { AudioError } from './audio-error.ts';
import { type AudioSource, defaultSampleRate } from './audio-source.ts';
import { ChildFailedError, childOutput } from './child-output.ts';
import {
  drained,
  type LiveBufferOptions,
  type LiveOptions,
  type LiveSession,
  reconnecting,
} from './live-audio.ts';
import { RawPcmDecoder } from './raw-pcm.ts';
import { type Recorder, type RecorderName, recorderByName, recorderFailure, recorders } from './recorder.ts';

export interface MicrophoneOptions extends LiveOptions, LiveBufferOptions {
  /** Which recorder to use. Default: the first that is installed and can open the device. */
  recorder?: RecorderName;
  /** The device as `listAudioDevices` names it. Default: the system's default microphone. */
  device?: string;
  /** Milliseconds without any audio after which the recorder counts as dead. Default 3,000. */
  silenceMs?: number;
}

/**
 * A microphone, by a recorder program of the system: nothing native is loaded into this process. What comes in
 * while nobody asks for it waits in a bounded buffer.
 *
 * Its errors: `NO_RECORDER` (none installed, with what to install), `NO_DEVICE`, `DEVICE_BUSY`,
 * `RECORDER_DIED`; all but the first are retried, see `retries`.
 */
export function microphoneSource(options: MicrophoneOptions = {}): AudioSource {
  const { device, sampleRate = defaultSampleRate, onEvent } = options;
  const sourceId = options.sourceId ?? `microphone:${device ?? 'default'}`;
  return {
    info: { sourceId, sampleRate },
    chunks: (outer) => {
      const open = (signal: AbortSignal) =>
        reconnecting((lost) => record(options, lost, signal), sourceId, options, signal);
      return drained(open, options, onEvent, outer);
    },
  };
}

/** One run of a recorder; where none was asked for, of each in turn until one can open the device. */
function record(
  options: MicrophoneOptions,
  lost: (milliseconds: number) => void,
  signal: AbortSignal | undefined,
): LiveSession {
  const { sampleRate = defaultSampleRate } = options;
  const session: LiveSession = { samples: samples(), sampleRate, via: '' };
  async function* samples(): AsyncGenerator<Float32Array, void, undefined> {
    let failure: AudioError | undefined;
    for (const recorder of candidates(options.recorder)) {
      session.via = recorder.name;
      try {
        yield* runRecorder(recorder, options, lost, signal);
      } catch (error) {
        if (!(error instanceof AudioError) || error.code !== 'NO_DEVICE') throw error;
        failure ??= error;
      }
    }
    throw failure ?? noRecorder(options.recorder);
  }
  return session;
}

async function* runRecorder(
  recorder: Recorder,
  options: MicrophoneOptions,
  lost: (milliseconds: number) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<Float32Array, void, undefined> {
  const { device, sampleRate = defaultSampleRate, silenceMs = 3000 } = options;
  const decoder = new RawPcmDecoder({ encoding: 's16le', sampleRate });
  let heard = false;
  try {
    const onStderr = (line: string) => {
      const milliseconds = recorder.lostMs?.(line);
      if (milliseconds !== undefined) lost(milliseconds);
    };
    const output = childOutput(recorder.name, recorder.args(device, sampleRate), {
      signal,
      silenceMs,
      // What they complain of is understood in English only.
      environment: { LC_ALL: 'C' },
      onStderr,
    });
    for await (const bytes of output) {
      heard = true;
      yield decoder.push(bytes);
    }
  } catch (error) {
    throw recorderError(error, recorder.name, device, heard);
  }
  throw new AudioError(
    'RECORDER_DIED',
    `${recorder.name} stopped recording. Is the microphone still connected?`,
  );
}

function recorderError(
  error: unknown,
  name: RecorderName,
  device: string | undefined,
  heard: boolean,
): unknown {
  if (error instanceof ChildFailedError) {
    const said = complaint(error.stderr);
    const code = heard ? 'RECORDER_DIED' : recorderFailure(error.stderr);
    const microphone = device === undefined ? 'the default microphone' : `the microphone "${device}"`;
    const what = {
      NO_DEVICE: `${name} cannot open ${microphone}. Connect it or choose another device.`,
      DEVICE_BUSY: `${name} finds ${microphone} in use by another program. Close that program.`,
    }[code as string];
    return new AudioError(code, `${what ?? `${name} ended while recording.`} It said: ${said}`, {
      cause: error,
    });
  }
  if (error instanceof AudioError && error.code === 'TIMEOUT') {
    return new AudioError('RECORDER_DIED', `${error.message} Is the microphone still connected?`);
  }
  if (error instanceof AudioError && error.code === 'NOT_FOUND') return noRecorder(name);
  return error;
}

/** The line that says what is wrong; some recorders add pages of hardware parameters. */
function complaint(stderr: string): string {
  const lines = stderr.split('\n');
  const line = lines.find((text) => /error|fail|cannot|can't|unable|no such|busy|refused|killed/i.test(text));
  return (line ?? lines.at(-1)!).trim().slice(0, 300);
}

function candidates(name: RecorderName | undefined): Recorder[] {
  const wanted =
    name === undefined ? recorders : [recorderByName(name)].filter((found) => found !== undefined);
  return wanted.filter((recorder) => isInstalled(recorder.name));
}

/** Whether a program is on the PATH. */
export function isInstalled(program: string): boolean {
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd'] : [''];
  return (process.env.PATH ?? '').split(delimiter).some((folder) =>
    suffixes.some((suffix) => {
      try {
        accessSync(join(folder, program + suffix), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }),
  );
}

function noRecorder(name: RecorderName | undefined): AudioError {
  const install = { darwin: 'brew install ffmpeg', win32: 'winget install ffmpeg' }[
    process.platform as string
  ];
  const what =
    name === undefined ? 'No recorder program is installed' : `The recorder ${name} is not installed`;
  return new AudioError('NO_RECORDER', `${what}. Install one: ${install ?? 'apt install alsa-utils'}.`);
}
