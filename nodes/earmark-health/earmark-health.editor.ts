import { chosen } from '../editor/chosen.ts';
import { prepareForm } from '../editor/form.ts';
import { numberBetween } from '../editor/number-between.ts';

interface Properties {
  name: string;
  bridge: string;
  memory: string;
  everySeconds: string;
  onChange: boolean;
}

RED.nodes.registerType<Properties>('earmark-health', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    name: { value: '' },
    bridge: { value: '', type: 'earmark-bridge', validate: chosen },
    memory: { value: '', type: 'earmark-memory', required: false },
    everySeconds: { value: '30', validate: numberBetween({ min: 0, max: 86400 }) },
    onChange: { value: true },
  },
  inputs: 1,
  outputs: 1,
  icon: 'earmark-health.svg',
  paletteLabel: 'health',
  label: function () {
    return this.name || 'health';
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  inputLabels: function () {
    return this._('port.ask');
  },
  outputLabels: function () {
    return this._('port.report');
  },
  oneditprepare: () => prepareForm('node-input'),
});
