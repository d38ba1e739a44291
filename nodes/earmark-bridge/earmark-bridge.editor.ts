import { prepareForm, suggest } from '../editor/form.ts';
import { numberBetween } from '../editor/number-between.ts';

interface Properties {
  name: string;
  mode: 'managed' | 'remote';
  url: string;
  python: string;
  model: string;
  timeout: string;
  retries: string;
}

RED.nodes.registerType<Properties, { token: string }>('earmark-bridge', {
  category: 'config',
  defaults: {
    name: { value: '' },
    mode: { value: 'managed' },
    url: {
      value: 'http://127.0.0.1:8000',
      validate: function (value: string): boolean {
        return this.mode !== 'remote' || /^(https?:\/\/[^\s/]+|\$\{\w+\})/.test(value);
      },
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
    suggest('node-config-input-model', `earmark/bridge/${this.id}/models`, (answer) => answer as string[]);
    const result = $('#earmark-bridge-test-result');
    $('#earmark-bridge-test').on('click', () => {
      result.text('…');
      $.getJSON(`earmark/bridge/${this.id}/health`)
        .done((health: { status: string; models: string }) => result.text(this._('test.answer', health)))
        .fail((request) => {
          const message = request.responseJSON?.message as string | undefined;
          result.text(
            request.status === 404 ? this._('test.deploy-first') : (message ?? this._('test.failed')),
          );
        });
    });
  },
});
