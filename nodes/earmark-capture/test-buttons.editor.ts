import { postJson } from '../editor/form.ts';
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
};

/** What is entered in a typed field; undefined where it only says where to take something from. */
function entered(field: string): string | undefined {
  const text = String($(`#node-input-${field}`).val());
  const isText = $(`#node-input-${field}Type`).val() === 'str' && !text.includes('${');
  return isText ? text : undefined;
}

/** The button that listens to the microphone for a moment. */
export function prepareMicrophoneTest(node: JudgedNode & { id: string }): void {
  const result = $('#earmark-microphone-test-result');
  $('#earmark-microphone-test').on('click', () => {
    const device = entered('device');
    if (device === undefined) {
      result.text(node._('test.elsewhere'));
      return;
    }
    result.text(node._('test.speak'));
    postJson<Heard>(`earmark/capture/${node.id}/test`, { device })
      .done(({ decibels, silent }) =>
        result.text(silent ? node._('status.silent') : node._('test.heard', { decibels })),
      )
      .fail(({ responseJSON }) => result.text(responseJSON?.message ?? node._('test.failed')));
  });
}

/** The button that looks at what a path or an address leads to. */
export function prepareSourceTest(node: JudgedNode): void {
  const result = $('#earmark-source-test-result');
  /** An answer that is overtaken is not shown. */
  let asked = 0;
  $('#node-input-source').on('change', () => {
    asked++;
    result.text('');
  });
  $('#earmark-source-test').on('click', () => {
    const question = ++asked;
    const show = (said: string) => {
      if (question === asked) result.text(said);
    };
    const source = $('#node-input-source').val();
    const text = entered(source === 'url' ? 'url' : 'path');
    if (text === undefined || text.trim() === '') {
      show(node._(text === undefined ? 'test.elsewhere' : 'test.invalid'));
      return;
    }
    show('…');
    postJson<SourceTestOutcome>('earmark/capture/test', { source, text })
      .done((found) => show(inWords(found, node)))
      .fail(({ status }) => show(node._(failureText(status))));
  });
}

function failureText(status: number): string {
  if (status === 400) return 'test.invalid';
  return status === 401 || status === 403 ? 'test.not-allowed' : 'test.failed';
}

function inWords(found: SourceTestOutcome, node: JudgedNode): string {
  switch (found.outcome) {
    case 'folder':
      return node._(found.more ? 'test.folder-more' : 'test.folder', { files: found.files });
    case 'sound': {
      const { container, codec, sampleRate, channels, seconds } = found.sound;
      const kind = container === codec ? codec : `${container} (${codec})`;
      const length =
        seconds === undefined ? node._('test.live') : node._('test.length', { seconds: inTenths(seconds) });
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
