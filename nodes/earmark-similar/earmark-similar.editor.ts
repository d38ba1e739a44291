import { chosen } from '../editor/chosen.ts';
import { prepareForm, typedField } from '../editor/form.ts';
import { migrateOnLoad } from '../editor/migrate-on-load.ts';
import { numberBetween } from '../editor/number-between.ts';
import { typedText } from '../editor/text-field.ts';
import { migrations } from './migrations.ts';

interface Properties {
  version: number;
  name: string;
  memory: string;
  mode: 'label' | 'events' | 'neighbours';
  threshold: string;
  limit: string;
  label: string;
  labelType: string;
  confirmations: string;
  holdBackSeconds: string;
}

migrateOnLoad('earmark-similar', migrations);

RED.nodes.registerType<Properties>('earmark-similar', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    version: { value: 1 },
    name: { value: '' },
    memory: { value: '', type: 'earmark-memory', validate: chosen },
    mode: { value: 'label' },
    threshold: { value: '', validate: numberBetween({ min: -1, max: 1, blank: true }) },
    limit: { value: '5', validate: numberBetween({ min: 1, max: 1000, whole: true }) },
    label: { value: '', validate: typedText('label') },
    labelType: { value: 'str' },
    confirmations: { value: '1', validate: numberBetween({ min: 1, max: 100, whole: true }) },
    holdBackSeconds: { value: '0', validate: numberBetween({ min: 0, max: 3600 }) },
  },
  inputs: 1,
  outputs: 2,
  icon: 'earmark-similar.svg',
  paletteLabel: 'similar',
  label: function () {
    return this.name || 'similar';
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  inputLabels: function () {
    return this._('port.features');
  },
  outputLabels: function (index) {
    return this._(index === 0 ? 'port.match' : 'port.no-match');
  },
  oneditprepare: function () {
    prepareForm('node-input');
    typedField(this, 'label');
  },
});
