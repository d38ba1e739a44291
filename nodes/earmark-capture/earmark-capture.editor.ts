import { prepareForm, suggest, typedField } from '../editor/form.ts';
import { loudnessText } from '../editor/loudness-text.ts';
import { migrateOnLoad } from '../editor/migrate-on-load.ts';
import { numberBetween } from '../editor/number-between.ts';
import { addressOf, notEmpty, typedProperty } from '../editor/text-field.ts';
import { migrations } from './migrations.ts';
import { ranges } from './ranges.ts';
import { prepareMicrophoneTest, prepareSourceTest } from './test-buttons.editor.ts';

interface Properties {
  version: number;
  name: string;
  source: 'microphone' | 'browser' | 'url' | 'network' | 'file' | 'message' | 'samples';
  device: string;
  deviceType: string;
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

const streamAddress = addressOf('http', 'https', 'rtsp', 'rtsps');

/** Quieter than this is drawn as an empty meter. */
const quietestDecibels = -60;
/** Milliseconds without a level after which nothing is heard any more. */
const staleTime = 2000;

let stopMeter: () => void = () => {};

function startMeter(id: string): void {
  const meter = $('.earmark-form .earmark-meter');
  const topic = `earmark/level/${id}`;
  let stale: number | undefined;
  const draw = (decibels: number, text: string) => {
    const percent = Math.max(0, Math.min(100, (1 - decibels / quietestDecibels) * 100));
    meter.attr({ 'aria-valuenow': Math.round(Math.max(decibels, quietestDecibels)), 'aria-valuetext': text });
    meter.children().css('width', `${percent}%`);
    meter.next().text(text);
  };
  const show = (_topic: string, { decibels }: { decibels: number }) => {
    window.clearTimeout(stale);
    stale = window.setTimeout(() => draw(quietestDecibels, ''), staleTime);
    draw(decibels, loudnessText(decibels));
  };
  RED.comms.subscribe(topic, show);
  stopMeter = () => {
    window.clearTimeout(stale);
    RED.comms.unsubscribe(topic, show);
  };
}

migrateOnLoad('earmark-capture', migrations);

RED.nodes.registerType<Properties>('earmark-capture', {
  category: 'sound memory',
  color: '#a9cbc5',
  defaults: {
    version: { value: 2 },
    name: { value: '' },
    source: { value: 'microphone' },
    device: { value: '', validate: typedProperty('device', () => true, 'source=microphone') },
    deviceType: { value: 'str' },
    path: { value: '', validate: typedProperty('path', notEmpty, 'source=file') },
    pathType: { value: 'str' },
    url: { value: '', validate: typedProperty('url', streamAddress, 'source=url') },
    urlType: { value: 'str' },
    protocol: { value: 'tcp' },
    host: { value: '127.0.0.1' },
    port: { value: '7355', validate: numberBetween({ ...ranges.port, blank: true }) },
    sampleRate: { value: '16000', validate: numberBetween({ ...ranges.sampleRate, blank: true }) },
    cut: { value: 'sounds' },
    windowSeconds: { value: '1', validate: numberBetween(ranges.windowSeconds) },
    hopSeconds: {
      value: '0.5',
      validate: numberBetween({ ...ranges.hopSeconds, notAbove: 'windowSeconds', when: 'cut=windows' }),
    },
    pauseSeconds: { value: '0.15', validate: numberBetween(ranges.pauseSeconds) },
    maxSeconds: { value: '5', validate: numberBetween(ranges.maxSeconds) },
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
    // A microphone mostly starts by itself, when there is no message yet.
    typedField(this, 'device', () => true, 'str', ['flow', 'global', 'env', 'jsonata']);
    typedField(this, 'path', notEmpty);
    typedField(this, 'url', streamAddress);
    suggest('node-input-device', 'earmark/capture/devices');
    const page = new URL(`earmark/capture/${this.id}/microphone`, location.href).href;
    $('#earmark-microphone-page').attr('href', page).text(page);
    startMeter(this.id);
    prepareMicrophoneTest(this);
    prepareSourceTest(this);
  },
  oneditsave: () => stopMeter(),
  oneditcancel: () => stopMeter(),
});
