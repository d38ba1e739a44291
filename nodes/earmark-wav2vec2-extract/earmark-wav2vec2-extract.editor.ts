import { chosen } from '../editor/chosen.ts';
import { prepareForm, suggest, typedField } from '../editor/form.ts';
import { migrateOnLoad } from '../editor/migrate-on-load.ts';
import { numberBetween } from '../editor/number-between.ts';
import { typedProperty } from '../editor/text-field.ts';
import { migrations } from './migrations.ts';
import { ranges } from './ranges.ts';

interface Properties {
  version: number;
  name: string;
  bridge: string;
  cut: 'whole' | 'windows';
  windowSeconds: string;
  hopSeconds: string;
  passSound: boolean;
  model: string;
  modelType: string;
  queueLimit: string;
  queuePolicy: 'dropOldest' | 'dropNewest' | 'error';
}

migrateOnLoad('earmark-wav2vec2-extract', migrations);

RED.nodes.registerType<Properties>('earmark-wav2vec2-extract', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    version: { value: 1 },
    name: { value: '' },
    bridge: { value: '', type: 'earmark-bridge', validate: chosen },
    cut: { value: 'whole' },
    windowSeconds: { value: '1', validate: numberBetween(ranges.windowSeconds) },
    hopSeconds: {
      value: '0.5',
      validate: numberBetween({ ...ranges.hopSeconds, notAbove: 'windowSeconds', when: 'cut=windows' }),
    },
    passSound: { value: true },
    model: { value: '', validate: typedProperty('model') },
    modelType: { value: 'str' },
    queueLimit: { value: '32', validate: numberBetween({ min: 1, max: 10000, whole: true }) },
    queuePolicy: { value: 'dropOldest' },
  },
  inputs: 1,
  outputs: 1,
  icon: 'earmark-extract.svg',
  paletteLabel: 'wav2vec2 extract',
  label: function () {
    return this.name || 'wav2vec2 extract';
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  inputLabels: function () {
    return this._('port.sound');
  },
  outputLabels: function () {
    return this._('port.features');
  },
  oneditprepare: function () {
    prepareForm('node-input');
    typedField(this, 'model');
    // Node-RED tells of a change at the beginning too.
    $('#node-input-bridge').on('change', (event) => {
      const bridge = String($(event.currentTarget).val());
      suggest('node-input-model', RED.nodes.node(bridge) ? `earmark/bridge/${bridge}/models` : undefined);
    });
  },
});
