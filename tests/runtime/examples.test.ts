import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { launchBrowser, noBrowser, picture } from '../editor/editor.ts';
import { hasShippedModel, testPython } from '../real-bridge.ts';
import { MqttBroker, type Published } from './mqtt-broker.ts';
import { type FlowNode, NodeRed } from './node-red.ts';

const folder = path.join(path.dirname(path.dirname(import.meta.dirname)), 'flows');
const noModel = hasShippedModel ? undefined : 'needs the shipped model';
if (noModel && process.env.CI === 'true') throw new Error(`The example flows' test ${noModel}.`);

/**
 * All examples but the sample flow, which has tests of its own, in one Node-RED, as they ship; only the sounds that the
 * doorbell's flow listens to are read as fast as possible. How it is to hear them live, the sample flow's test says.
 */
describe.skipIf(noModel)(`the example flows (${noModel ?? 'real model'})`, { timeout: 120_000 }, () => {
  let nodeRed: NodeRed;
  let broker: MqttBroker;
  let flows: FlowNode[];

  beforeAll(async () => {
    await Promise.all([build(), testPython()]);
    const nodes = readdirSync(folder)
      .filter((name) => name.endsWith('.json') && name !== 'sound-memory.json')
      .flatMap((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as FlowNode[]);
    // They share one bridge, as they would after an import.
    flows = [...new Map(nodes.map((node) => [node.id, node])).values()];
    flows.find(({ id }) => id === 'doorbell-mqtt-sounds')!.pace = 'fast';
    broker = await MqttBroker.start();
    flows.find(({ type }) => type === 'mqtt-broker')!.port = String(broker.port);
    nodeRed = await NodeRed.start({ flows, dashboard: true });
    await nodeRed.status('machine-sounds-compare', 'status.ready');
  }, 180_000);
  afterAll(async () => {
    await nodeRed?.stop();
    broker?.stop();
  });

  /** The similarity that a flow asks for. */
  const threshold = (id: string) => Number(flows.find((node) => node.id === id)!.threshold);

  const press = async (button: string, output: string, count = 1) => {
    const before = nodeRed.debugged(output).length;
    await nodeRed.inject(button);
    return (await nodeRed.debug(output, before + count, 90_000)).slice(before);
  };

  it('hears that a machine sounds different today', async () => {
    await press('machine-sounds-normal', 'machine-sounds-taught', 10);
    const [fine] = await press('machine-sounds-fine', 'machine-sounds-same');
    expect(fine).toMatch(/^similarity \d\.\d\d$/);
    const [worn] = await press('machine-sounds-worn', 'machine-sounds-different');
    expect(worn).toMatch(/^closest was -?\d\.\d\d$/);
    const number = (text: string | undefined) => Number(/-?\d\.\d\d$/.exec(text!)![0]);
    expect(number(fine)).toBeGreaterThanOrEqual(threshold('machine-sounds-compare'));
    expect(number(worn)).toBeLessThan(threshold('machine-sounds-compare'));
  });

  it('finds where in a recording a sound is heard', async () => {
    await press('search-recording-record', 'search-recording-stored', 12);
    const [places] = await press('search-recording-sought', 'search-recording-places');
    const found = JSON.parse(places!) as string[];
    expect(found.map((place) => place.split(' ')[0]).sort()).toEqual(['04-knock.wav', '07-knock.wav']);
  });

  it('sends a doorbell to Home Assistant, and nothing else', async () => {
    // It announces itself at the start too, for whoever presses nothing.
    await press('doorbell-mqtt-announce', 'doorbell-mqtt-sent');
    await expect.poll(() => broker.published.length, { timeout: 15_000 }).toBeGreaterThan(0);
    const [{ payload, ...announced }] = broker.published.splice(0) as [Published];
    const topic = 'homeassistant/binary_sensor/earmark_doorbell/config';
    expect(announced).toEqual({ topic, retain: true });
    expect(JSON.parse(payload)).toEqual({
      name: 'Doorbell',
      unique_id: 'earmark_doorbell',
      device_class: 'sound',
      state_topic: 'earmark/doorbell',
      off_delay: 5,
      device: { identifiers: ['earmark'], name: 'Earmark', manufacturer: 'Earmark' },
    });
    await press('doorbell-mqtt-teachBell', 'doorbell-mqtt-taught');
    await nodeRed.inject('doorbell-mqtt-listen');
    await nodeRed.status('doorbell-mqtt-sounds', 'finished 12', { timeoutMs: 90_000 });
    await expect.poll(() => broker.published.length, { timeout: 15_000 }).toBeGreaterThan(0);
    const sent = broker.published.filter((published) => published.topic !== topic);
    for (const one of sent) expect(one).toEqual({ topic: 'earmark/doorbell', payload: 'ON', retain: false });
    // Two rings of twelve sounds; a second one within five seconds belongs to the first.
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.length).toBeLessThanOrEqual(2);
  });

  it('stores files, finds like ones, embeds its own samples and asks the memory', async () => {
    const stored = await press('programmatic-and-files-folder', 'programmatic-and-files-stored', 12);
    expect(stored[0]).toMatch(/^doorbell from .*01-doorbell\.wav$/);
    const [similar] = await press('programmatic-and-files-file', 'programmatic-and-files-list');
    expect((JSON.parse(similar!) as string[])[0]).toBe('doorbell 1.00');
    const [vector] = await press('programmatic-and-files-make', 'programmatic-and-files-vectorShown');
    expect(JSON.parse(vector!)).toMatchObject({ dimensions: 768, startTime: 0, endTime: 1 });
    expect(await press('programmatic-and-files-count', 'programmatic-and-files-number')).toEqual(['2']);
    const [health] = await press('programmatic-and-files-how', 'programmatic-and-files-report');
    expect(JSON.parse(health!)).toMatchObject({ status: 'ok', memory: { sounds: 12 } });
  });

  it('takes two spoken words for a switch, and a doorbell for no word', async () => {
    await press('spoken-word-teachHello', 'spoken-word-taught');
    await press('spoken-word-teachGoodbye', 'spoken-word-taught');
    expect(await press('spoken-word-sayHello', 'spoken-word-lamp')).toEqual(['on']);
    expect(await press('spoken-word-sayGoodbye', 'spoken-word-lamp')).toEqual(['off']);
    expect(await press('spoken-word-other', 'spoken-word-nothing')).toEqual(['none-of-these']);
    await nodeRed.status('spoken-word-lamp', 'off');
  });

  it.skipIf(noBrowser)(
    'shows the health on a dashboard, and holds calls back at the press of a button',
    async () => {
      const browser = await launchBrowser();
      onTestFinished(() => browser.close());
      const page = await browser.newPage({ viewport: { width: 1200, height: 440 } });
      await page.goto(`${nodeRed.url}/dashboard/sound-memory`);
      const shows = (label: string, value: string | RegExp) =>
        page.locator('.nrdb-ui-text', { hasText: label }).getByText(value).waitFor();
      await page.getByRole('button', { name: 'Ask now' }).click();
      await shows('Status', 'ok');
      await shows('What is wrong', 'nothing');
      await shows('Answers of the bridge', /^[1-9]\d*$/);
      // A button that was just pressed still ripples.
      await page.mouse.move(0, 0);
      await page.locator('.v-ripple__animation').first().waitFor({ state: 'detached' });
      await picture(page, 'flow-dashboard');
      await page.getByRole('button', { name: 'Hold calls back' }).click();
      await shows('Status', 'degraded');
      await shows('Circuits', 'open');
      await page.getByRole('button', { name: 'Let calls through' }).click();
      await shows('Status', 'ok');
      await shows('Circuits', 'closed');
    },
  );

  it('waits quietly where a microphone would be needed', async () => {
    await nodeRed.status('live-microphone-capture', 'status.stopped');
    await nodeRed.inject('live-microphone-teach0');
    await nodeRed.status('live-microphone-recall', 'nothing heard yet');
  });

  it('reports no error', () => {
    const errors = nodeRed.log.filter((line) => line.includes('[error]'));
    expect(errors).toEqual([]);
  });
});
