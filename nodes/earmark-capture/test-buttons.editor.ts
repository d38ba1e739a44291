import { answerPlace, failureText, postJson } from '../editor/form.ts';
import type { JudgedNode } from '../editor/validator.ts';
import type { SourceFault, SourceTestOutcome } from './source-test-outcome.ts';

interface Heard {
  decibels: number;
  silent: boolean;
}

const faultTexts: Record<SourceFault, string> = {
  'not-found': 'test.not-found',
  'empty-folder': 'test.empty-folder',
  'not-audio': 'test.not-audio',
  'no-ffmpeg': 'test.no-ffmpeg',
  invalid: 'test.invalid',
  unreachable: 'test.unreachable',
  refused: 'test.refused',
  'nothing-there': 'test.nothing-there',
  'no-answer': 'test.no-answer',
  overtaken: 'test.overtaken',
};

/** What is entered in a typed field; undefined where it only says where to take something from. */
function entered(field: string): string | undefined {
  const text = String($(`#node-input-${field}`).val());
  const isText = $(`#node-input-${field}Type`).val() === 'str' && !text.includes('${');
  return isText ? text : undefined;
}

/** The button that listens to the microphone for a moment. */
export function prepareMicrophoneTest(node: JudgedNode & { id: string }): void {
  const ask = answerPlace($('#earmark-microphone-test-result'));
  $('#earmark-microphone-test').on('click', () => {
    const show = ask();
    const device = entered('device');
    if (device === undefined) {
      show(node._('test.elsewhere'));
      return;
    }
    show(node._('test.speak'));
    postJson<Heard>(`earmark/capture/${node.id}/test`, { device })
      .done(({ decibels, silent }) =>
        show(silent ? node._('status.silent') : node._('test.heard', { decibels })),
      )
      .fail(({ status, responseJSON: { code, message } = {} }) =>
        show(code === 'CANCELLED' ? node._('test.overtaken') : (message ?? node._(failureText(status)))),
      );
  });
}

/** The button that looks at what a path or an address leads to. */
export function prepareSourceTest(node: JudgedNode): void {
  const ask = answerPlace($('#earmark-source-test-result'));
  $('#node-input-source').on('change', () => ask()(''));
  $('#earmark-source-test').on('click', () => {
    const show = ask();
    const source = $('#node-input-source').val();
    const text = entered(source === 'url' ? 'url' : 'path');
    if (text === undefined || text.trim() === '') {
      show(node._(text === undefined ? 'test.elsewhere' : 'test.invalid'));
      return;
    }
    show('…');
    postJson<SourceTestOutcome>('earmark/capture/test', { source, text })
      .done((found) => show(inWords(found, node, source === 'url' ? 'test.live' : 'test.no-length')))
      .fail(({ status }) => show(node._(failureText(status))));
  });
}

function inWords(found: SourceTestOutcome, node: JudgedNode, endless: string): string {
  switch (found.outcome) {
    case 'folder':
      return node._(found.more ? 'test.folder-more' : 'test.folder', { files: found.files });
    case 'sound': {
      const { container, codec, sampleRate, channels, seconds } = found.sound;
      const kind = container === codec ? codec : `${container} (${codec})`;
      const length =
        seconds === undefined ? node._(endless) : node._('test.length', { seconds: inTenths(seconds) });
      return node._('test.sound', { kind, sampleRate, channels, length });
    }
    default:
      return node._(faultTexts[found.outcome]);
  }
}

/** As it is written in the language of the editor. */
function inTenths(seconds: number): string {
  return seconds.toLocaleString(RED.i18n.lang(), { maximumFractionDigits: 1 });
}
