import { answerPlace, failureText, postJson, prepareForm, suggest } from '../editor/form.ts';
import { numberBetween } from '../editor/number-between.ts';
import { addressOf, textField } from '../editor/text-field.ts';
import type { TestOutcome } from './test-outcome.ts';

interface Properties {
  name: string;
  mode: 'managed' | 'remote';
  url: string;
  python: string;
  model: string;
  timeout: string;
  retries: string;
}

const outcomeTexts: Record<TestOutcome, string> = {
  ready: 'test.ready',
  starting: 'test.starting',
  'wrong-token': 'test.wrong-token',
  untrusted: 'test.untrusted',
  refused: 'test.refused',
  unreachable: 'test.unreachable',
  'no-answer': 'test.no-answer',
  overtaken: 'test.overtaken',
  'not-a-bridge': 'test.not-a-bridge',
  'token-again': 'test.token-again',
  invalid: 'test.invalid',
  'deploy-first': 'test.deploy-first',
  'gave-up': 'test.gave-up',
};

RED.nodes.registerType<Properties, { token: string }>('earmark-bridge', {
  category: 'config',
  defaults: {
    name: { value: '' },
    mode: { value: 'managed' },
    url: {
      value: 'http://127.0.0.1:8000',
      validate: textField(addressOf('http', 'https'), 'mode=remote'),
    },
    python: { value: '' },
    model: { value: '' },
    timeout: { value: '30', validate: numberBetween({ min: 1, max: 600 }) },
    retries: { value: '3', validate: numberBetween({ min: 0, max: 10, whole: true }) },
  },
  credentials: { token: { type: 'password' } },
  paletteLabel: 'bridge',
  label: function () {
    if (this.name) return this.name;
    return this.mode === 'remote' ? this.url : 'bridge';
  },
  oneditprepare: function () {
    prepareForm('node-config-input');
    suggest('node-config-input-model', `earmark/bridge/${this.id}/models`);
    const ask = answerPlace($('#earmark-bridge-test-result'));
    $('#earmark-bridge-test').on('click', () => {
      const show = ask();
      show('…');
      const [mode, url, token] = ['mode', 'url', 'token'].map((name) =>
        String($(`#node-config-input-${name}`).val()),
      );
      postJson<{ outcome: TestOutcome }>('earmark/bridge/test', { id: this.id, mode, url, token })
        .done(({ outcome }) => show(this._(outcomeTexts[outcome])))
        .fail(({ status }) => show(this._(failureText(status))));
    });
  },
});
