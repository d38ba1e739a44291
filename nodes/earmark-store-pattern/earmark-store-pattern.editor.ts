import { chosen } from '../editor/chosen.ts';
import { prepareForm, typedField } from '../editor/form.ts';
import { notEmpty, textField, typedText } from '../editor/text-field.ts';

interface Properties {
  name: string;
  memory: string;
  label: string;
  labelType: string;
  kind: string;
  tags: string;
  keepClip: boolean;
}

RED.nodes.registerType<Properties>('earmark-store-pattern', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    name: { value: '' },
    memory: { value: '', type: 'earmark-memory', validate: chosen },
    label: { value: 'label', validate: typedText('label') },
    labelType: { value: 'msg' },
    kind: { value: 'sound', validate: textField(notEmpty) },
    tags: { value: '' },
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
  },
});
