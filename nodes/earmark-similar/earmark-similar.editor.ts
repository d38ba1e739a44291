import { chosen } from '../editor/chosen.ts';
import { prepareForm, typedField } from '../editor/form.ts';
import { migrateOnLoad } from '../editor/migrate-on-load.ts';
import { aNumber, numberBetween } from '../editor/number-between.ts';
import { typedProperty } from '../editor/text-field.ts';
import { migrations } from './migrations.ts';
import { ranges } from './ranges.ts';

interface Properties {
  version: number;
  name: string;
  memory: string;
  mode: 'label' | 'events' | 'neighbours';
  threshold: string;
  thresholdType: string;
  limit: string;
  label: string;
  labelType: string;
  confirmations: string;
  holdBackSeconds: string;
}

const aSimilarity = aNumber({ ...ranges.threshold, blank: true });

migrateOnLoad('earmark-similar', migrations);

RED.nodes.registerType<Properties>('earmark-similar', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    version: { value: 2 },
    name: { value: '' },
    memory: { value: '', type: 'earmark-memory', validate: chosen },
    mode: { value: 'label' },
    threshold: { value: '', validate: typedProperty('threshold', aSimilarity) },
    thresholdType: { value: 'num' },
    limit: { value: '5', validate: numberBetween(ranges.limit) },
    label: { value: '', validate: typedProperty('label') },
    labelType: { value: 'str' },
    confirmations: { value: '1', validate: numberBetween(ranges.confirmations) },
    holdBackSeconds: { value: '0', validate: numberBetween(ranges.holdBackSeconds) },
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
    typedField(this, 'threshold', aSimilarity, 'num');
    typedField(this, 'label');
  },
});
