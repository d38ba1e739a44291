import { AudioError } from './audio-error.ts';
import { type AudioSource, defaultSampleRate } from './audio-source.ts';
import { ChildFailedError } from './child-output.ts';
import type { FfmpegOptions } from './ffmpeg.ts';
import { ffmpegAudio } from './ffmpeg-audio.ts';
import { drained, type LiveBufferOptions, type LiveOptions, reconnecting } from './live-audio.ts';

export interface UrlSourceOptions extends LiveOptions, LiveBufferOptions, FfmpegOptions {
  /**
   * Whether the sound goes on for ever. Then its end is a loss and it is connected to again (`retries`), and a slow
   * consumer loses audio (`bufferMs`, `overflow`). Otherwise it is read as fast as it is used, to its end, and a
   * lost connection is an error. Default: true for RTSP, false for HTTP.
   */
  live?: boolean;
  /** Milliseconds without any audio after which the connection counts as lost. Default 10,000. */
  silenceMs?: number;
}

/** What ffmpeg may open for an address, and how it opens it. Never `file`: a playlist must not read local files. */
const schemes: Record<string, string[]> = {
  'http:': ['-protocol_whitelist', 'http,https,tcp,tls,crypto'],
  'https:': ['-protocol_whitelist', 'http,https,tcp,tls,crypto'],
  'rtsp:': ['-protocol_whitelist', 'rtsp,rtp,tcp,udp', '-rtsp_transport', 'tcp'],
  'rtsps:': ['-protocol_whitelist', 'rtsp,rtsps,rtp,tcp,tls,udp', '-rtsp_transport', 'tcp'],
};

/**
 * The sound at an HTTP or RTSP address, by ffmpeg. User name, password and query of the address are in no
 * `sourceId` and no error; while it runs they are in ffmpeg's command line, which other users of the machine
 * may be able to read.
 *
 * Its errors: `INVALID_ARGUMENT`, `FFMPEG_MISSING`, `STREAM`.
 */
export function urlSource(url: string, options: UrlSourceOptions = {}): AudioSource {
  const address = parseAddress(url);
  const {
    sampleRate = defaultSampleRate,
    live = address.protocol.startsWith('rtsp'),
    silenceMs = 10_000,
  } = options;
  const shown = withoutLogin(address);
  const sourceId = options.sourceId ?? shown;
  const open = (signal: AbortSignal | undefined) => {
    const session = () => ({
      samples: listen(address, shown, { ...options, sampleRate, silenceMs, live }, signal),
      sampleRate,
      via: 'ffmpeg',
    });
    // What has an end would begin again at its start.
    return reconnecting(session, sourceId, live ? options : { ...options, retries: 0 }, signal);
  };
  return {
    info: { sourceId, sampleRate },
    chunks: (signal) => (live ? drained(open, options, options.onEvent, signal) : open(signal)),
  };
}

/**
 * What ffmpeg says of a connection that broke before the end, for it takes that for the end. Where the server has not
 * said how long it is, "should be" is the largest number of 20 digits, and the end is the end.
 */
const lostConnection =
  /^https?:\S+: Connection (reset|timed out)|ends prematurely at \d+, should be \d{1,19}$/;

export function parseAddress(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address === undefined || !Object.hasOwn(schemes, address.protocol)) {
    throw new AudioError(
      'INVALID_ARGUMENT',
      'The address must begin with http://, https://, rtsp:// or rtsps://.',
    );
  }
  return address;
}

async function* listen(
  address: URL,
  shown: string,
  options: UrlSourceOptions & { sampleRate: number; silenceMs: number; live: boolean },
  signal: AbortSignal | undefined,
): AsyncGenerator<Float32Array, void, undefined> {
  let whole = true;
  const onStderr = (line: string) => {
    if (lostConnection.test(line)) whole = false;
  };
  try {
    yield* ffmpegAudio({ ...options, input: inputOptions(address), signal, onStderr });
  } catch (error) {
    if (error instanceof ChildFailedError) throw streamError(error, address);
    if (error instanceof AudioError && error.code === 'TIMEOUT') {
      throw new AudioError('STREAM', `${shown} delivered no audio for ${options.silenceMs / 1000} seconds.`);
    }
    throw error;
  }
  if (options.live) throw new AudioError('STREAM', `${shown} ended.`);
  if (!whole) throw new AudioError('STREAM', `${shown}: the connection was lost before the end.`);
}

/** ffmpeg's options for an address. */
export function inputOptions(address: URL): string[] {
  return [...schemes[address.protocol]!, '-i', address.href];
}

/** What ffmpeg said of an address, without its secrets. */
export function streamError(error: ChildFailedError, address: URL): AudioError {
  const said = withoutSecrets(error.stderr, address).split('\n').at(-1)!.slice(0, 300);
  return new AudioError('STREAM', `${withoutLogin(address)} cannot be heard: ${said}`);
}

function withoutLogin({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

/** Shorter ones would be found in the middle of other words; ffmpeg has them in the address only. */
const leastSecret = 4;

/** ffmpeg repeats the address in its messages. */
function withoutSecrets(text: string, address: URL): string {
  let clean = text.replace(/\/\/[^\s/]*@/g, '//…@').replace(/\?\S+?(?=:?(\s|$))/g, '?…');
  for (const secret of [address.username, address.password, address.search.slice(1)]) {
    for (const form of [secret, safeDecode(secret)]) {
      if (form.length >= leastSecret) clean = clean.replaceAll(form, '…');
    }
  }
  return clean;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
