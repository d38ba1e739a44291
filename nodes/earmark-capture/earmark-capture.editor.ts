import { postJson, prepareForm, suggest, typedField } from '../editor/form.ts';
import { loudnessText } from '../editor/loudness-text.ts';
import { migrateOnLoad } from '../editor/migrate-on-load.ts';
import { numberBetween } from '../editor/number-between.ts';
import { addressOf, notEmpty, typedText } from '../editor/text-field.ts';
import { migrations } from './migrations.ts';

interface Properties {
  version: number;
  name: string;
  source: 'microphone' | 'browser' | 'url' | 'network' | 'file' | 'message' | 'samples';
  device: string;
  path: string;
  pathType: string;
  url: string;
  urlType: string;
  protocol: 'tcp' | 'udp';
  host: string;
  port: string;
  sampleRate: string;
  cut: 'sounds' | 'windows';
  windowSeconds: string;
  hopSeconds: string;
  pauseSeconds: string;
  maxSeconds: string;
  pace: 'fast' | 'live';
  autoStart: boolean;
  format: 'raw' | 'wav';
}

interface Heard {
  decibels: number;
  silent: boolean;
}

const streamAddress = addressOf('http', 'https', 'rtsp', 'rtsps');

/** Quieter than this is drawn as an empty meter. */
const quietestDecibels = -60;

let stopMeter: () => void = () => {};

function startMeter(id: string): void {
  const meter = $('.earmark-form .earmark-meter');
  const topic = `earmark/level/${id}`;
  const show = (_topic: string, data: { decibels: number }) => {
    const percent = Math.max(0, Math.min(100, (1 - data.decibels / quietestDecibels) * 100));
    const text = loudnessText(data.decibels);
    meter.attr({ 'aria-valuenow': Math.round(data.decibels), 'aria-valuetext': text });
    meter.children().css('width', `${percent}%`);
    meter.next().text(text);
  };
  RED.comms.subscribe(topic, show);
  stopMeter = () => RED.comms.unsubscribe(topic, show);
}

migrateOnLoad('earmark-capture', migrations);

RED.nodes.registerType<Properties>('earmark-capture', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    version: { value: 1 },
    name: { value: '' },
    source: { value: 'microphone' },
    device: { value: '' },
    path: { value: '', validate: typedText('path', notEmpty, 'source=file') },
    pathType: { value: 'str' },
    url: { value: '', validate: typedText('url', streamAddress, 'source=url') },
    urlType: { value: 'str' },
    protocol: { value: 'tcp' },
    host: { value: '127.0.0.1' },
    port: { value: '7355', validate: numberBetween({ min: 1, max: 65_535, whole: true, blank: true }) },
    sampleRate: {
      value: '16000',
      validate: numberBetween({ min: 1000, max: 768_000, whole: true, blank: true }),
    },
    cut: { value: 'sounds' },
    windowSeconds: { value: '1', validate: numberBetween({ min: 0.1, max: 30 }) },
    hopSeconds: {
      value: '0.5',
      validate: numberBetween({ min: 0.02, max: 30, notAbove: 'windowSeconds', when: 'cut=windows' }),
    },
    pauseSeconds: { value: '0.15', validate: numberBetween({ min: 0.05, max: 5 }) },
    maxSeconds: { value: '5', validate: numberBetween({ min: 0.2, max: 30 }) },
    pace: { value: 'fast' },
    autoStart: { value: true },
    format: { value: 'raw' },
  },
  inputs: 1,
  outputs: 1,
  icon: 'earmark-capture.svg',
  paletteLabel: 'capture',
  label: function () {
    return this.name || 'capture';
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  inputLabels: function () {
    return this._('port.control');
  },
  outputLabels: function () {
    return this._('port.sound');
  },
  oneditprepare: function () {
    prepareForm('node-input');
    typedField(this, 'path', notEmpty);
    typedField(this, 'url', streamAddress);
    suggest('node-input-device', 'earmark/capture/devices');
    const page = new URL(`earmark/capture/${this.id}/microphone`, location.href).href;
    $('#earmark-microphone-page').attr('href', page).text(page);
    startMeter(this.id);
    const result = $('#earmark-microphone-test-result');
    $('#earmark-microphone-test').on('click', () => {
      result.text(this._('test.speak'));
      const device = String($('#node-input-device').val());
      postJson<Heard>(`earmark/capture/${this.id}/test`, { device })
        .done(({ decibels, silent }) =>
          result.text(silent ? this._('status.silent') : this._('test.heard', { decibels })),
        )
        .fail(({ responseJSON }) => result.text(responseJSON?.message ?? this._('test.failed')));
    });
  },
  oneditsave: () => stopMeter(),
  oneditcancel: () => stopMeter(),
});
