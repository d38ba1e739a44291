import type { NodeAPI } from 'node-red';
import { AudioError, LevelMonitor, microphoneSource } from '../../src/audio/index.ts';
import { codedError } from '../node-error.ts';

/** Long enough to clap one's hands. */
const testMs = 4000;
/** A microphone that is asleep or not plugged in takes its time to answer, or to fail. */
const openMs = 15_000;
const meterMs = 100;
const longestName = 512;

/** What a test has heard. */
interface Heard {
  /** dBFS of the loudest tenth of a second. */
  decibels: number;
  /** Nothing but digital silence came: it is muted or not plugged in. */
  silent: boolean;
}

/** The dialog's test button: opens a microphone for a moment, deployed or not, and moves the dialog's meter. */
export function registerMicrophoneTest(RED: NodeAPI): void {
  let running = new AbortController();

  RED.httpAdmin.post(
    '/earmark/capture/:id/test',
    RED.auth.needsPermission('earmark.write'),
    (request, response) => {
      const device: unknown = request.is('application/json') ? request.body?.device : undefined;
      if (typeof device !== 'string' || device.length > longestName) {
        response
          .status(400)
          .json({ code: 'BAD_REQUEST', message: 'device must be the name of a microphone.' });
        return;
      }
      // One at a time: whoever asks next is listened to.
      running.abort();
      running = new AbortController();
      const show = (decibels: number) =>
        RED.comms.publish(`earmark/level/${request.params.id}`, { decibels }, false);
      listen(device, show, running.signal).then(
        (heard) => response.json(heard),
        (thrown) => {
          const { code, message } = codedError(thrown);
          response.status(503).json({ code, message });
        },
      );
    },
  );
}

async function listen(device: string, show: (decibels: number) => void, outer: AbortSignal): Promise<Heard> {
  const source = microphoneSource({ retries: 0, ...(device !== '' && { device }) });
  const monitor = new LevelMonitor(meterMs);
  const enough = new AbortController();
  let timer = setTimeout(() => enough.abort(), openMs);
  let loudest = Number.NEGATIVE_INFINITY;
  let silent = true;
  try {
    for await (const chunk of source.chunks(AbortSignal.any([outer, enough.signal]))) {
      const report = monitor.push(chunk);
      if (report === undefined) continue;
      if (loudest === Number.NEGATIVE_INFINITY) {
        clearTimeout(timer);
        timer = setTimeout(() => enough.abort(), testMs);
      }
      show(report.level);
      loudest = Math.max(loudest, report.level);
      silent &&= report.silentSeconds > 0;
    }
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  if (loudest === Number.NEGATIVE_INFINITY) {
    throw new AudioError('NO_DEVICE', 'The microphone sent nothing. Connect it or choose another device.');
  }
  return { decibels: Math.round(loudest), silent };
}
