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
  answer: 'list' | 'each' | 'count';
  label: string;
  labelType: string;
  sourceId: string;
  sourceIdType: string;
  kind: string;
  kindType: string;
  lastHours: string;
  lastHoursType: string;
  sortBy: string;
  sortDirection: string;
  limit: string;
  confidence: string;
  lowHertz: string;
  highHertz: string;
  withFeatures: boolean;
  withClip: boolean;
}

const hours = aNumber({ ...ranges.lastHours, blank: true });

migrateOnLoad('earmark-query', migrations);

RED.nodes.registerType<Properties>('earmark-query', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    version: { value: 1 },
    name: { value: '' },
    memory: { value: '', type: 'earmark-memory', validate: chosen },
    answer: { value: 'list' },
    label: { value: '', validate: typedProperty('label') },
    labelType: { value: 'str' },
    sourceId: { value: '', validate: typedProperty('sourceId') },
    sourceIdType: { value: 'str' },
    kind: { value: '', validate: typedProperty('kind') },
    kindType: { value: 'str' },
    lastHours: { value: '', validate: typedProperty('lastHours', hours) },
    lastHoursType: { value: 'num' },
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
    typedField(this, 'lastHours', hours, 'num');
  },
});
