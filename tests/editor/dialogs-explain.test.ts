import type { Locator, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { type AnsweringBridge, startAnsweringBridge } from '../answering-bridge.ts';
import { NodeRed } from '../runtime/node-red.ts';
import { noVirtualMicrophone, VirtualMicrophone } from '../virtual-microphone.ts';
import { Editor, noBrowser } from './editor.ts';

const patience = { timeout: 15_000 };
const nodeTypes = ['capture', 'health', 'query', 'similar', 'store-pattern', 'wav2vec2-extract'];

/** What the dialogs say by themselves: what is wrong with a field, what may stand in it, and whether a bridge answers. */
describe.skipIf(noBrowser)(`the dialogs (${noBrowser ?? 'Chromium'})`, { timeout: 90_000 }, () => {
  let nodeRed: NodeRed;
  let editor: Editor;
  let microphone: VirtualMicrophone | undefined;
  let kitchen: AnsweringBridge;
  let cellar: AnsweringBridge;

  beforeAll(async () => {
    await build();
    // Before Node-RED, which finds it by its environment.
    if (!noVirtualMicrophone) microphone = await VirtualMicrophone.start();
    kitchen = await startAnsweringBridge({ token: 'kitchen-token', models: ['ear-a', 'ear-b'] });
    cellar = await startAnsweringBridge({ models: ['ear-c'] });
    nodeRed = await NodeRed.start({ flows: [{ id: 'tab', type: 'tab', label: 'empty' }] });
    const bridge = { type: 'earmark-bridge', mode: 'remote', timeout: '30', retries: '3' };
    await nodeRed.deploy([
      { id: 'tab', type: 'tab', label: 'one of each' },
      { ...bridge, id: 'kitchen', url: kitchen.url, credentials: { token: 'kitchen-token' } },
      { ...bridge, id: 'cellar', url: cellar.url },
      { id: 'memory', type: 'earmark-memory', folder: 'kept' },
      ...nodeTypes.map((name, i) => ({
        id: name,
        type: `earmark-${name}`,
        z: 'tab',
        x: 200,
        y: 60 + 60 * i,
        bridge: 'kitchen',
        memory: 'memory',
        labelType: 'str',
        autoStart: false,
        source: 'message',
        answer: 'list',
        limit: '100',
        windowSeconds: '1',
        hopSeconds: '0.5',
        kind: 'sound',
        wires: [],
      })),
    ]);
    editor = await Editor.open(nodeRed.url);
    editor.page.setDefaultTimeout(15_000);
  }, 180_000);
  afterAll(async () => {
    await editor?.close();
    await nodeRed?.stop();
    await microphone?.stop();
    await Promise.all([kitchen, cellar].map((server) => server?.[Symbol.asyncDispose]()));
  });

  async function open(id: string): Promise<void> {
    if (['kitchen', 'memory'].includes(id)) {
      await editor.openConfigDialog(id === 'memory' ? 'earmark-memory' : 'earmark-bridge', id);
    } else await editor.page.evaluate(`RED.editor.edit(RED.nodes.node('${id}'))`);
    const form = editor.page.locator('.red-ui-tray .earmark-form').last();
    await form.waitFor();
    // It slides in; only at its place can it be clicked.
    await editor.page.waitForTimeout(400);
    for (const summary of await form.locator('summary').all()) await summary.click();
  }

  test('have a sentence for whatever is wrong with any field', async () => {
    const judged = (await editor.page.evaluate(`(() => {
      const judged = [];
      const wrong = ['', ' ', 'no number', '-7', '1e9', '0.0001', '_ADD_', 'gone'];
      const look = (node) => {
        if (!node.type.startsWith('earmark-')) return;
        for (const [name, property] of Object.entries(node._def.defaults)) {
          if (property.required) judged.push([node.type, name, 'required, without a sentence']);
          for (const value of property.validate ? wrong : []) {
            // Every field as if it were in sight.
            for (const when of [{}, { cut: 'windows' }, { source: 'file' }, { source: 'url' }, { mode: 'remote' }]) {
              // The editor watches its nodes: what is set on one that inherits from them is set on them.
              const copy = { ...node, _: node._, _def: node._def, pathType: 'str', urlType: 'jsonata', ...when };
              judged.push([node.type, name, property.validate.call(copy, value, {})]);
            }
          }
        }
      };
      RED.nodes.eachNode(look);
      RED.nodes.eachConfig(look);
      return judged;
    })()`)) as [string, string, true | string][];
    expect(judged.filter(([, , answer]) => typeof answer !== 'string' && answer !== true)).toEqual([]);
    const said = judged.filter(([, , answer]) => typeof answer === 'string').map(([, , answer]) => answer);
    expect(said.filter((answer) => !/^[\w-]+ .*\w/.test(answer as string))).toEqual([]);
    const explained = new Set(
      judged.filter(([, , answer]) => answer !== true).map(([type, name]) => `${type}.${name}`),
    );
    for (const field of [
      'earmark-capture.path',
      'earmark-capture.url',
      'earmark-capture.hopSeconds',
      'earmark-bridge.url',
      'earmark-memory.folder',
      'earmark-store-pattern.kind',
      'earmark-query.memory',
      'earmark-wav2vec2-extract.bridge',
    ]) {
      expect(explained).toContain(field);
    }
  });

  /** Chosen first, by field; then the field, what is entered, and what the field then says. */
  const wrong: [string, Record<string, string>, string, string, string][] = [
    ['capture', { source: 'file' }, 'path', '', 'nothing is entered here'],
    [
      'capture',
      { source: 'url' },
      'url',
      'ftp://here',
      'an address that begins with one of http://, https://, rtsp://, rtsps://',
    ],
    ['capture', { cut: 'windows', windowSeconds: '0.3' }, 'hopSeconds', '0.5', 'no more than “Length” (0.3)'],
    ['wav2vec2-extract', { cut: 'windows' }, 'hopSeconds', '2', 'no more than “Length” (1)'],
    ['query', { highHertz: '100' }, 'lowHertz', '200', 'no more than “Sounds below” (100)'],
    ['query', {}, 'limit', '1.5', 'a whole number from 0 to 100000'],
    ['query', { labelType: 'jsonata' }, 'label', '$uppercase(', 'Invalid JSONata expression'],
    ['store-pattern', {}, 'kind', '', 'nothing is entered here'],
    ['similar', {}, 'threshold', '2', 'a number from -1 to 1'],
    ['similar', { thresholdType: 'jsonata' }, 'threshold', '$min(', 'Invalid JSONata expression'],
    ['query', {}, 'lastHours', '-1', 'a number of at least 0'],
    ['similar', {}, 'memory', '_ADD_', 'none is chosen'],
    [
      'kitchen',
      { mode: 'remote' },
      'url',
      '127.0.0.1:8000',
      'an address that begins with one of http://, https://',
    ],
    ['memory', {}, 'folder', '', 'nothing is entered here'],
  ];
  test.each(wrong)(
    'of %s with %o explain at %s what is wrong with "%s"',
    async (id, chosen, name, text, said) => {
      await open(id);
      const { page } = editor;
      const form = page.locator('.red-ui-tray .earmark-form').last();
      const prefix = ['kitchen', 'memory'].includes(id) ? 'node-config-input' : 'node-input';
      const enter = async (field: string, value: string) => {
        const input = form.locator(`#${prefix}-${field}`);
        const typed = form.locator(
          `#${prefix}-${field} + .red-ui-typedInput-container input.red-ui-typedInput-input`,
        );
        if (field.endsWith('Type')) {
          const of = field.slice(0, -'Type'.length);
          await page.evaluate(`$('#${prefix}-${of}').typedInput('type', '${value}')`);
        } else if (await input.evaluate((element) => element.tagName === 'SELECT')) {
          await input.selectOption(value);
        } else {
          const shown = (await typed.count()) > 0 ? typed : input;
          await shown.fill('something else');
          await shown.fill(value);
          await shown.blur();
        }
      };
      for (const [field, value] of Object.entries(chosen)) await enter(field, value);
      await enter(name, text);
      const field = form.locator(`#${prefix}-${name}`);
      await expect.poll(() => field.getAttribute('class'), patience).toContain('input-error');
      const container = form.locator(`#${prefix}-${name} + .red-ui-typedInput-container`);
      const shown =
        (await container.count()) > 0 ? container.locator('.red-ui-typedInput-input-wrap') : field;
      await expectToSay(shown, said);
      await editor.closeDialog();
    },
  );

  async function expectToSay(shown: Locator, said: string): Promise<void> {
    const { page } = editor;
    const hover = async () => {
      await page.mouse.move(5, 5);
      await page.waitForTimeout(200);
      await shown.hover();
      await page.waitForTimeout(1000);
      return (await page.locator('.red-ui-popover').allTextContents()).join('\n');
    };
    // Node-RED's own popovers sometimes lose a race on a busy machine.
    await expect.poll(hover, { timeout: 30_000 }).toContain(said);
    await page.mouse.move(5, 5);
  }

  test.each([
    ['str', 'ftp://here', 'an address that begins with one of'],
    ['jsonata', '$uppercase(', 'Invalid JSONata expression'],
  ])('explain of type %s what was wrong when it was saved', async (urlType, url, said) => {
    const set = (values: object) =>
      editor.page.evaluate(`Object.assign(RED.nodes.node('capture'), ${JSON.stringify(values)})`);
    await set({ source: 'url', url, urlType });
    await open('capture');
    const field = '#node-input-url + .red-ui-typedInput-container .red-ui-typedInput-input-wrap';
    await expectToSay(editor.page.locator(field), said);
    await editor.closeDialog();
    await set({ source: 'message', url: '', urlType: 'str' });
  });

  test('take a right value back into favour, and judge no field out of sight', async () => {
    await open('capture');
    const { page } = editor;
    const hop = page.locator('#node-input-hopSeconds');
    const setLength = async (seconds: string) => {
      const field = page.locator('#node-input-windowSeconds');
      await field.fill(seconds);
      await field.blur();
    };
    await page.locator('#node-input-cut').selectOption('windows');
    await setLength('0.3');
    await expect.poll(() => hop.getAttribute('class'), patience).toContain('input-error');
    await setLength('2');
    await expect.poll(() => hop.getAttribute('class'), patience).not.toContain('input-error');
    await setLength('0.3');
    await page.locator('#node-input-cut').selectOption('sounds');
    await expect.poll(() => hop.getAttribute('class'), patience).not.toContain('input-error');
    await editor.closeDialog();
  });

  test('ask the bridge that they name, with its token, before anything is deployed', async () => {
    await open('kitchen');
    const { page } = editor;
    const result = page.locator('#earmark-bridge-test-result');
    const says = async (url: string, token: string | undefined, text: string) => {
      await page.locator('#node-config-input-url').fill(url);
      if (token !== undefined) await page.locator('#node-config-input-token').fill(token);
      await page.locator('#earmark-bridge-test').click();
      await expect.poll(() => result.textContent(), patience).toBe(text);
    };
    await says(kitchen.url, undefined, 'It answers and is ready.');
    await says(cellar.url, undefined, 'The kept token is for the old address: enter it again.');
    await says(cellar.url, '', 'It answers and is ready.');
    await says(kitchen.url, 'of somebody else', 'Correct the address or the token first.');
    await says(kitchen.url, 'wrong', 'It answers, but does not take this token.');
    await says(kitchen.url, 'kitchen-token', 'It answers and is ready.');
    await says('http://127.0.0.1:9', 'kitchen-token', 'Nothing answers at this address.');
    await page.locator('#node-config-input-mode').selectOption('managed');
    await page.locator('#earmark-bridge-test').click();
    await expect.poll(() => result.textContent(), patience).toBe('Deploy first, then test.');
    await editor.closeDialog();
  });

  test('look at a path or an address before anything is deployed', async () => {
    await open('capture');
    const { page } = editor;
    const result = page.locator('#earmark-source-test-result');
    const says = async (field: string, text: string, said: string | RegExp) => {
      await page.locator(`#node-input-${field} + .red-ui-typedInput-container input`).first().fill(text);
      await page.locator(`#node-input-${field} + .red-ui-typedInput-container input`).first().blur();
      await page.locator('#earmark-source-test').click();
      await expect.poll(() => result.textContent(), patience).toMatch(said);
    };
    await page.locator('#node-input-source').selectOption('file');
    await says(
      'path',
      'sounds/01-doorbell.wav',
      /^It can be heard: wav \(pcm_s16le\), 16000 Hz, channels: 1, \d(\.\d)? s\.$/,
    );
    await says('path', 'sounds', /^Sound files in it: \d+\.$/);
    await says('path', 'gone.wav', 'Nothing is there that Node-RED may read. Check the path.');
    await says('path', '$' + '{HOME}', 'Only what is entered here can be tested.');
    await page.evaluate(`$('#node-input-path').typedInput('type', 'env')`);
    await says('path', 'HOME', 'Only what is entered here can be tested.');
    await page.evaluate(`$('#node-input-path').typedInput('type', 'str')`);
    const overtaken = Promise.withResolvers<void>();
    const route = '**/earmark/capture/test';
    const delay = async (request: Route) => {
      await overtaken.promise;
      await request.fulfill({ json: { outcome: 'no-answer' } });
    };
    await page.route(route, delay, { times: 1 });
    await page.locator('#earmark-source-test').click();
    await says('path', 'sounds', /^Sound files in it: \d+\.$/);
    const late = page.waitForResponse(route);
    overtaken.resolve();
    await (await late).finished();
    await page.waitForTimeout(200);
    expect(await result.textContent()).toMatch(/^Sound files/);
    await page.locator('#node-input-source').selectOption('url');
    expect(await result.textContent()).toBe('');
    await says('url', 'http://127.0.0.1:9/', /^(Nothing answers at this address|This needs ffmpeg)/);
    await says('url', 'ftp://127.0.0.1', 'Correct the address or the path first.');
    await editor.closeDialog();
  });

  test('say in the language of the editor why a test was not made, and that a length is not known', async () => {
    await open('capture');
    const { page } = editor;
    const says = async (kind: 'microphone' | 'source', answer: object, said: string) => {
      await page.route(/\/earmark\/capture\/(.+\/)?test$/, (route) => route.fulfill(answer), { times: 1 });
      await page.locator(`#earmark-${kind}-test`).click();
      await expect
        .poll(() => page.locator(`#earmark-${kind}-test-result`).textContent(), patience)
        .toBe(said);
    };
    const stopped = { status: 503, json: { code: 'CANCELLED', message: 'Stopped.' } };
    const denied = 'You have no right to test this, or your login has expired.';
    const endless = {
      outcome: 'sound',
      sound: { container: 'ogg', codec: 'opus', sampleRate: 48_000, channels: 1 },
    };
    await page.locator('#node-input-source').selectOption('microphone');
    await says('microphone', stopped, 'Another test began meanwhile. Try again.');
    await says('microphone', { status: 401, body: 'Unauthorized' }, denied);
    await page.locator('#node-input-source').selectOption('file');
    await page.evaluate(`$('#node-input-path').typedInput('value', 'a.ogg')`);
    const heard = 'It can be heard: ogg (opus), 48000 Hz, channels: 1,';
    await says('source', { json: endless }, `${heard} length unknown.`);
    await page.locator('#node-input-source').selectOption('url');
    await page.evaluate(`$('#node-input-url').typedInput('value', 'http://127.0.0.1/live')`);
    await says('source', { json: endless }, `${heard} live.`);
    await editor.closeDialog();
    // The browser notes such answers itself.
    expect(editor.faults.splice(0).filter((fault) => !/401|503/.test(fault))).toEqual([]);
  });

  test('show a unit for a number only, and offer models for what is entered only', async () => {
    const { page } = editor;
    await open('similar');
    const unit = page.locator('#node-input-threshold ~ .earmark-unit');
    const setType = (field: string, type: string) =>
      page.evaluate(`$('#node-input-${field}').typedInput('type', '${type}')`);
    expect(await unit.isVisible()).toBe(true);
    await setType('threshold', 'flow');
    expect(await unit.isVisible()).toBe(false);
    await editor.closeDialog();
    await open('wav2vec2-extract');
    const field = page.locator('#node-input-model + .red-ui-typedInput-container .red-ui-typedInput-input');
    expect(await field.getAttribute('list')).toBe('node-input-model-suggestions');
    await setType('model', 'msg');
    expect(await field.getAttribute('list')).toBeNull();
    await editor.closeDialog();
  });

  test('offer the models of the bridge that is chosen now', async () => {
    await open('wav2vec2-extract');
    const { page } = editor;
    const offered = () =>
      page
        .locator('#node-input-model-suggestions option')
        .evaluateAll((options) => options.map((option) => (option as HTMLOptionElement).value));
    await expect.poll(offered, patience).toEqual(['ear-a', 'ear-b']);
    await page.locator('#node-input-bridge').selectOption('cellar');
    await expect.poll(offered, patience).toEqual(['ear-c']);
    await page.locator('#node-input-bridge').selectOption('_ADD_');
    await expect.poll(offered, patience).toEqual([]);
    await editor.closeDialog();
  });

  test.skipIf(noVirtualMicrophone)('offer microphones under the names that people know', async () => {
    const listed = (await (await nodeRed.get('/earmark/capture/devices')).json()) as {
      value: string;
      label: string;
    }[];
    expect(listed.some(({ value, label }) => label !== value)).toBe(true);
    await open('capture');
    const { page } = editor;
    await page.locator('#node-input-source').selectOption('microphone');
    const offered = () =>
      page.locator('#node-input-device-suggestions option').evaluateAll((options) =>
        options.map((option) => {
          const { value, label } = option as HTMLOptionElement;
          return { value, label };
        }),
      );
    await expect.poll(offered, patience).toEqual(listed);
    await editor.closeDialog();
  });

  test('leave no fault in the console', () => {
    expect(editor.faults).toEqual([]);
  });
});
