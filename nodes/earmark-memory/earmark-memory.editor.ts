import { prepareForm } from '../editor/form.ts';
import { numberBetween } from '../editor/number-between.ts';
import { notEmpty, textField } from '../editor/text-field.ts';

interface Properties {
  name: string;
  folder: string;
  threshold: string;
  maxPatterns: string;
  maxDays: string;
  clipMegabytes: string;
  metric: string;
  dimensions: string;
  saveChanges: string;
  saveSeconds: string;
}

RED.nodes.registerType<Properties>('earmark-memory', {
  category: 'config',
  defaults: {
    name: { value: '' },
    folder: { value: 'earmark/memory', validate: textField(notEmpty) },
    threshold: { value: '', validate: numberBetween({ min: -1, max: 1, blank: true }) },
    maxPatterns: { value: '', validate: numberBetween({ min: 1, whole: true, blank: true }) },
    maxDays: { value: '', validate: numberBetween({ min: 0.001, blank: true }) },
    clipMegabytes: { value: '200', validate: numberBetween({ min: 0 }) },
    metric: { value: 'cosine' },
    dimensions: { value: '768', validate: numberBetween({ min: 1, max: 4096, whole: true }) },
    saveChanges: { value: '1000', validate: numberBetween({ min: 1, whole: true }) },
    saveSeconds: { value: '60', validate: numberBetween({ min: 1 }) },
  },
  paletteLabel: 'memory',
  label: function () {
    return this.name || this.folder || 'memory';
  },
  oneditprepare: () => prepareForm('node-config-input'),
});
