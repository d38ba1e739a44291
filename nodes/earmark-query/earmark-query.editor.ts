import { chosen } from '../editor/chosen.ts';
import { prepareForm, typedField } from '../editor/form.ts';
import { numberBetween } from '../editor/number-between.ts';
import { typedText } from '../editor/text-field.ts';

interface Properties {
  name: string;
  memory: string;
  answer: 'list' | 'each' | 'count';
  label: string;
  labelType: string;
  sourceId: string;
  sourceIdType: string;
  kind: string;
  kindType: string;
  lastHours: string;
  sortBy: string;
  sortDirection: string;
  limit: string;
  confidence: string;
  lowHertz: string;
  highHertz: string;
  withFeatures: boolean;
  withClip: boolean;
}

RED.nodes.registerType<Properties>('earmark-query', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    name: { value: '' },
    memory: { value: '', type: 'earmark-memory', validate: chosen },
    answer: { value: 'list' },
    label: { value: '', validate: typedText('label') },
    labelType: { value: 'str' },
    sourceId: { value: '', validate: typedText('sourceId') },
    sourceIdType: { value: 'str' },
    kind: { value: '', validate: typedText('kind') },
    kindType: { value: 'str' },
    lastHours: { value: '', validate: numberBetween({ min: 0, blank: true }) },
    sortBy: { value: 'createdAt' },
    sortDirection: { value: 'desc' },
    limit: { value: '100', validate: numberBetween({ min: 0, max: 100000, whole: true }) },
    confidence: { value: '', validate: numberBetween({ min: 0, max: 1, blank: true }) },
    lowHertz: { value: '', validate: numberBetween({ min: 0, blank: true, notAbove: 'highHertz' }) },
    highHertz: { value: '', validate: numberBetween({ min: 0, blank: true }) },
    withFeatures: { value: false },
    withClip: { value: false },
  },
  inputs: 1,
  outputs: 1,
  icon: 'earmark-query.svg',
  paletteLabel: 'query',
  label: function () {
    return this.name || 'query';
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  inputLabels: function () {
    return this._('port.ask');
  },
  outputLabels: function () {
    return this._('port.found');
  },
  oneditprepare: function () {
    prepareForm('node-input');
    for (const name of ['label', 'sourceId', 'kind']) typedField(this, name);
  },
});
