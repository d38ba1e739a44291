import { Recorder } from './recorder.ts';
import { type Answer, editorPath, nodeState } from './server.ts';
import { Upload } from './upload.ts';

/** Quieter than this is drawn as an empty meter. */
const quietestDecibels = -60;
const checkMs = 2000;

const element = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T;
const words = JSON.parse(document.body.dataset.words!) as Record<string, string>;
const button = element<HTMLButtonElement>('button');

let nodeName = '';
/** What the browser calls it when there is no microphone for us; everything else is one that cannot be opened. */
const refusals: Record<string, string> = { NotAllowedError: 'denied', NotFoundError: 'no-microphone' };

/** What is wrong is shown until the button is pressed again. */
let failed = false;
let running: { recorder: Recorder; upload: Upload } | undefined;

/** `kind` colours the message: `fine`, `wait` or `wrong`. */
function say(word: string, kind: 'fine' | 'wait' | 'wrong'): void {
  const status = element('status');
  const text = words[word]!.replace('__name__', nodeName);
  // A reader of the screen repeats what is written again.
  if (status.textContent !== text) status.textContent = text;
  status.className = kind;
  element('log-in').hidden = word !== 'log-in';
}

function show(answer: Answer): void {
  if (failed) return;
  if (answer === 'ok') say(running === undefined ? 'ready' : 'live', running === undefined ? 'wait' : 'fine');
  else say(answer, answer === 'log-in' || answer === 'busy' ? 'wrong' : 'wait');
}

function showLevel(samples: Int16Array): void {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  const decibels = Math.max(quietestDecibels, 20 * Math.log10(peak / 32_768));
  element<HTMLMeterElement>('level').value = decibels;
}

function showLoss(seconds: number): void {
  const loss = element('loss');
  loss.hidden = seconds === 0;
  loss.textContent = words.loss!.replace('__seconds__', seconds.toFixed(1));
}

function fail(refusal: string): void {
  failed = true;
  say(refusals[refusal] ?? 'held', 'wrong');
}

async function start(): Promise<void> {
  button.disabled = true;
  failed = false;
  say('asking', 'wait');
  showLoss(0);
  try {
    let upload: Upload | undefined;
    const recorder = await Recorder.start({
      onBlock: (samples) => {
        showLevel(samples);
        upload?.add(samples);
      },
      onPause: (milliseconds) => upload?.skip(milliseconds),
      onEnd: () => void stop().then(() => fail('NotFoundError')),
    });
    upload = new Upload(recorder.sampleRate, { onAnswer: show, onLoss: showLoss });
    running = { recorder, upload };
    const wakeLock = await navigator.wakeLock?.request('screen').catch(() => undefined);
    button.textContent = words.stop!;
    button.disabled = false;
    await upload.run();
    await wakeLock?.release();
    // Another browser is heard: its message stays.
    if (running?.upload === upload) await stop();
  } catch (error) {
    fail((error as DOMException).name);
    button.disabled = false;
  }
}

async function stop(): Promise<void> {
  const ending = running;
  running = undefined;
  ending?.upload.end();
  await ending?.recorder.stop();
  button.textContent = words.start!;
  button.disabled = false;
  element<HTMLMeterElement>('level').value = quietestDecibels;
}

async function check(): Promise<void> {
  const { answer, state } = await nodeState();
  if (running !== undefined || button.disabled) return;
  if (state !== undefined) nodeName = state.name;
  show(answer);
}

if (!window.isSecureContext || navigator.mediaDevices === undefined) {
  say('insecure', 'wrong');
  element('insecure').hidden = false;
  element('controls').hidden = true;
  const port = location.port === '' ? '' : `:${location.port}`;
  element('local').textContent = `http://localhost${port}${location.pathname}`;
} else {
  element<HTMLAnchorElement>('log-in').href = editorPath;
  button.addEventListener('click', () => {
    if (running === undefined) void start();
    else void stop().then(check);
  });
  window.addEventListener('pagehide', () => void stop());
  void check();
  setInterval(() => {
    if (running === undefined && !document.hidden) void check();
  }, checkMs);
}
