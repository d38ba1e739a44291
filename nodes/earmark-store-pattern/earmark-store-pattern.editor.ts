import { chosen } from '../editor/chosen.ts';
import { prepareForm, typedField } from '../editor/form.ts';
import { migrateOnLoad } from '../editor/migrate-on-load.ts';
import { notEmpty, typedProperty } from '../editor/text-field.ts';
import { migrations } from './migrations.ts';

interface Properties {
  version: number;
  name: string;
  memory: string;
  label: string;
  labelType: string;
  kind: string;
  kindType: string;
  tags: string;
  tagsType: string;
  keepClip: boolean;
}

migrateOnLoad('earmark-store-pattern', migrations);

RED.nodes.registerType<Properties>('earmark-store-pattern', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    version: { value: 1 },
    name: { value: '' },
    memory: { value: '', type: 'earmark-memory', validate: chosen },
    label: { value: 'label', validate: typedProperty('label') },
    labelType: { value: 'msg' },
    kind: { value: 'sound', validate: typedProperty('kind', notEmpty) },
    kindType: { value: 'str' },
    tags: { value: '', validate: typedProperty('tags') },
    tagsType: { value: 'str' },
    keepClip: { value: true },
  },
  inputs: 1,
  outputs: 1,
  icon: 'earmark-store.svg',
  paletteLabel: 'store pattern',
  label: function () {
    return this.name || 'store pattern';
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  inputLabels: function () {
    return this._('port.features');
  },
  outputLabels: function () {
    return this._('port.stored');
  },
  oneditprepare: function () {
    prepareForm('node-input');
    typedField(this, 'label');
    typedField(this, 'kind', notEmpty);
    typedField(this, 'tags');
  },
});
