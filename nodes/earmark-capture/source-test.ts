import type { NodeAPI } from 'node-red';
import {
  AudioError,
  type AudioErrorCode,
  findAudioFiles,
  probeFile,
  probeUrl,
} from '../../src/audio/index.ts';
import { findPath } from './chosen-source.ts';
import type { SourceFault, SourceTestOutcome } from './source-test-outcome.ts';

/** A camera takes some seconds to send its first sound. */
const deadlineMs = 10_000;
const longestText = 2048;
/** Nobody waits for the rest of a library to be counted. */
const mostFiles = 1000;

/** What stands in the dialog. */
interface Tested {
  source: 'url' | 'file';
  text: string;
}

const faults: Partial<Record<AudioErrorCode, SourceFault>> = {
  NOT_FOUND: 'not-found',
  FFMPEG_MISSING: 'no-ffmpeg',
  INVALID_ARGUMENT: 'invalid',
  TIMEOUT: 'no-answer',
  CANCELLED: 'no-answer',
};

/** By what ffmpeg says of an address; no address can hold a blank, so none of it is taken for an answer. */
const streamFaults: [RegExp, SourceFault][] = [
  [/(returned|failed:) 40[13]/, 'refused'],
  [/(returned|failed:) [45]/, 'nothing-there'],
];

/**
 * The dialog's test button for a file, a folder or an address, deployed or not. What it opens is chosen by a request,
 * so it asks for the right to deploy: who may do that can have it opened anyway.
 */
export function registerSourceTest(RED: NodeAPI): void {
  let running = new AbortController();

  RED.httpAdmin.post(
    '/earmark/capture/test',
    RED.auth.needsPermission('flows.write'),
    (request, response) => {
      const tested = request.is('application/json') ? readTested(request.body) : undefined;
      if (tested === undefined) {
        response
          .status(400)
          .json({ code: 'BAD_REQUEST', message: 'A source, url or file, and its text are needed.' });
        return;
      }
      // One at a time: whoever asks next is answered.
      running.abort();
      running = new AbortController();
      const overtaken = running.signal;
      const signal = AbortSignal.any([overtaken, AbortSignal.timeout(deadlineMs)]);
      Promise.race([test(RED, tested, signal), end(signal)])
        .catch((error) => ({ outcome: overtaken.aborted ? 'overtaken' : faultOf(error) }))
        .then((answer) => response.json(answer));
    },
  );
}

function readTested(body: unknown): Tested | undefined {
  const { source, text } = (body ?? {}) as Record<string, unknown>;
  if (source !== 'url' && source !== 'file') return undefined;
  if (typeof text !== 'string' || text.trim() === '' || text.length > longestText) return undefined;
  return { source, text: text.trim() };
}

async function test(RED: NodeAPI, { source, text }: Tested, signal: AbortSignal): Promise<SourceTestOutcome> {
  const options = { signal, silenceMs: deadlineMs };
  if (source === 'url') return { outcome: 'sound', sound: await probeUrl(text, options) };
  const { full, several } = await findPath(RED, text);
  if (!several) return { outcome: 'sound', sound: await probeFile(full, options) };
  let files = 0;
  for await (const _ of findAudioFiles(full, signal)) {
    if (++files > mostFiles) return { outcome: 'folder', files: mostFiles, more: true };
  }
  return files === 0 ? { outcome: 'empty-folder' } : { outcome: 'folder', files, more: false };
}

/** A disk in the network that hangs hears of no signal. */
function end(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new AudioError('CANCELLED', 'Stopped.')), { once: true });
  });
}

function faultOf(error: unknown): SourceFault {
  if (!(error instanceof AudioError)) return 'not-found';
  if (error.code !== 'STREAM') return faults[error.code] ?? 'not-audio';
  return streamFaults.find(([said]) => said.test(error.message))?.[1] ?? 'unreachable';
}
