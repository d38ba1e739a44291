import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { type FlowNode, NodeRed } from '../runtime/node-red.ts';
import { Editor, noBrowser } from './editor.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const palette = [
  ['earmark-capture', 'capture'],
  ['earmark-health', 'health'],
  ['earmark-query', 'query'],
  ['earmark-similar', 'similar'],
  ['earmark-store-pattern', 'store pattern'],
  ['earmark-wav2vec2-extract', 'wav2vec2 extract'],
] as const;

describe.skipIf(noBrowser)(`the editor (${noBrowser ?? 'Chromium'})`, { timeout: 90_000 }, () => {
  let nodeRed: NodeRed;
  let editor: Editor;

  beforeAll(async () => {
    await build();
    const tab = { id: 'tab', type: 'tab', label: 'empty' };
    nodeRed = await NodeRed.start({ flows: [tab] });
    editor = await Editor.open(nodeRed.url);
  }, 180_000);
  afterAll(async () => {
    await editor?.close();
    await nodeRed?.stop();
  });

  const deployed = async () => (await (await nodeRed.get('/flows')).json()) as FlowNode[];
  const label = (row: string) => editor.page.locator(`#node-input-${row}`);

  it('has the nodes in a category of their own, with icon and tooltip', async () => {
    const category = editor.page
      .locator('#red-ui-palette-sound_memory-input, [id^="red-ui-palette-sound"]')
      .first();
    await category.waitFor({ state: 'attached' });
    for (const [type, name] of palette) {
      const node = editor.paletteNode(type);
      await node.scrollIntoViewIfNeeded();
      expect((await node.textContent())!.trim().replace(/\s+/g, ' '), type).toBe(name);
      const icon = await node.locator('.red-ui-palette-icon').getAttribute('style');
      expect(icon, type).toMatch(/icons\/@earmark\/node-red-sound-memory\/earmark-\w+\.svg/);
    }
  });

  it('takes a node from the palette, shows what is missing, and deploys it', async () => {
    const id = await editor.place('earmark-wav2vec2-extract', 500, 250);
    await editor.canvasNode(id).locator('.red-ui-flow-node-error').waitFor({ state: 'attached' });

    await editor.openDialog(id);
    await editor.page.locator('#node-input-btn-bridge-add').click();
    await editor.page.locator('#node-config-input-mode').waitFor();
    await editor.page.waitForTimeout(400);
    expect(await editor.page.locator('#node-config-input-url').isVisible()).toBe(false);
    await editor.page.locator('#node-config-input-mode').selectOption('remote');
    await editor.page.locator('#node-config-input-url').fill('http://127.0.0.1:9');
    await editor.page.locator('#node-config-input-token').fill('secret-token');
    await editor.page.locator('#node-config-dialog-ok').click();
    await editor.page.waitForTimeout(500);
    await editor.page.locator('#node-dialog-ok').click();
    await editor.page.waitForTimeout(400);
    await editor.page.locator('#red-ui-header-button-deploy').click();
    await nodeRed.status(id, 'status.bridge-away');

    const flows = await deployed();
    const bridge = flows.find(({ type }) => type === 'earmark-bridge')!;
    expect(bridge).toMatchObject({ mode: 'remote', url: 'http://127.0.0.1:9' });
    expect(JSON.stringify(flows)).not.toContain('secret-token');
    expect(flows.find((node) => node.id === id)).toMatchObject({ bridge: bridge.id, queueLimit: '32' });
    await editor.page.locator('.red-ui-flow-node-status-label', { hasText: 'bridge away' }).first().waitFor();
  });

  it('opens each dialog with a label at each field and no English left out', async () => {
    const nodes = ['sound-memory', 'live-microphone', 'programmatic-and-files'].flatMap(
      (name) => JSON.parse(readFileSync(path.join(root, 'flows', `${name}.json`), 'utf8')) as FlowNode[],
    );
    const unique = new Map(nodes.map((node) => [node.id, node]));
    // The bridge stays away: what is looked at here are the dialogs.
    unique.set('earmark-bridge-1', {
      ...unique.get('earmark-bridge-1')!,
      mode: 'remote',
      url: 'http://127.0.0.1:9',
    });
    await nodeRed.deploy([...unique.values()]);
    await editor.page.reload();
    await editor.canvasNode('sound-memory-capture').waitFor();
    for (const id of [
      'sound-memory-capture',
      'sound-memory-extract',
      'sound-memory-similar',
      'sound-memory-store',
      'sound-memory-query',
    ]) {
      await editor.openDialog(id);
      const form = editor.page.locator('.red-ui-tray').last();
      const texts = await form
        .locator('[data-i18n]')
        .evaluateAll((elements) => elements.map((element) => (element.textContent ?? '').trim()));
      expect(
        texts.filter((text) => /^(label|words|unit|cut|mode|answer)\./.test(text)),
        id,
      ).toEqual([]);
      // Every visible field is named by a label of its own.
      const nameless = await form.locator('.form-row:visible').evaluateAll((rows) =>
        rows
          .filter((row) => row.querySelector('input:not([type=hidden]), select'))
          .filter((row) => !row.querySelector('label')?.textContent?.trim())
          .map((row) => row.innerHTML),
      );
      expect(nameless, id).toEqual([]);
      await editor.closeDialog();
    }
  });

  it('shows only the fields that matter', async () => {
    await editor.openDialog('sound-memory-capture');
    await label('source').selectOption('microphone');
    expect(await label('device').isVisible()).toBe(true);
    expect(await label('pace').isVisible()).toBe(false);
    await label('source').selectOption('samples');
    expect(await label('device').isVisible()).toBe(false);
    expect(await label('pace').isVisible()).toBe(true);
    await label('cut').selectOption('windows');
    expect(await label('windowSeconds').isVisible()).toBe(true);
    expect(await label('pauseSeconds').isVisible()).toBe(false);
    await label('windowSeconds').fill('99');
    await label('windowSeconds').blur();
    await editor.page.locator('#node-input-windowSeconds.input-error').waitFor();
    await label('windowSeconds').hover();
    await editor.page.locator('.red-ui-popover', { hasText: 'a number from 0.1 to 30' }).waitFor();
    await editor.closeDialog();
  });

  it('has help for each node', async () => {
    await editor.canvasNode('sound-memory-similar').click();
    await editor.page.keyboard.press('Control+g');
    await editor.page.keyboard.press('h');
    await editor.page.locator('.red-ui-help', { hasText: 'have I heard this before' }).first().waitFor();
  });

  it('is sound: no fault in the console and no word to the outside', () => {
    expect(editor.faults).toEqual([]);
    expect(editor.foreign).toEqual([]);
  });
});
