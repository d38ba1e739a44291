import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { type FlowNode, NodeRed } from '../runtime/node-red.ts';
import { noVirtualMicrophone, VirtualMicrophone } from '../virtual-microphone.ts';
import { darkTheme, seriousFaults } from './accessibility.ts';
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
  let microphone: VirtualMicrophone | undefined;

  beforeAll(async () => {
    await build();
    // Before Node-RED, which finds it by its environment.
    if (!noVirtualMicrophone) microphone = await VirtualMicrophone.start();
    const tab = { id: 'tab', type: 'tab', label: 'empty' };
    nodeRed = await NodeRed.start({ flows: [tab] });
    editor = await Editor.open(nodeRed.url);
  }, 180_000);
  afterAll(async () => {
    await editor?.close();
    await nodeRed?.stop();
    await microphone?.stop();
  });

  const deployed = async () => (await (await nodeRed.get('/flows')).json()) as FlowNode[];
  const label = (row: string) => editor.page.locator(`#node-input-${row}`);
  /** Where a typed field is typed in: beside the element, which is hidden. */
  const typed = (name: string) =>
    editor.page.locator(`#node-input-${name} + .red-ui-typedInput-container .red-ui-typedInput-input`);

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

  it('names the package that the dashboard flow needs, and imports it all the same', async () => {
    const { page } = editor;
    await page.evaluate('RED.actions.invoke("core:show-examples-import-dialog")');
    const dialog = page.locator('.ui-dialog:visible');
    await dialog.getByText('@earmark/node-red-sound-memory').click();
    await dialog.getByText('health-on-a-dashboard').click();
    await page.locator('#red-ui-clipboard-dialog-ok').click();
    const hint = page.locator('.red-ui-notification', { hasText: '@flowfuse/node-red-dashboard' });
    await hint.getByRole('button', { name: 'Ignore' }).click();
    await page.locator('#red-ui-workspace-tabs').getByText('Health on a dashboard').waitFor();
    const imported = `RED.nodes.filterNodes({ type: 'earmark-health' }).length`;
    expect(await page.evaluate(imported)).toBe(1);
    await page.evaluate('RED.actions.invoke("core:undo")');
    await expect.poll(() => page.evaluate(imported), { timeout: 15_000 }).toBe(0);
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

  const flows = (name: string) =>
    JSON.parse(readFileSync(path.join(root, 'flows', `${name}.json`), 'utf8')) as FlowNode[];
  const isDrawn = ({ type, z, x }: FlowNode) => z !== undefined && x !== undefined && type !== 'group';

  async function expectWellDrawn(editor: Editor, all: FlowNode[]): Promise<void> {
    expect(await editor.invalidNodes()).toEqual([]);
    for (const { id: tab } of all.filter(({ type }) => type === 'tab')) {
      await editor.showFlow(tab);
      const drawn = all.filter((node) => isDrawn(node) && node.z === tab);
      expect(await editor.overlaps(), tab).toEqual([]);
      expect(await editor.page.locator('.red-ui-flow-node-group').count(), tab).toBe(drawn.length);
      expect(drawn.some(({ type }) => type === 'comment')).toBe(true);
    }
  }

  it('opens each flow with every node set up, and none on top of another', async () => {
    const names = readdirSync(path.join(root, 'flows')).filter((name) => name.endsWith('.json'));
    const nodes = names
      .map((name) => name.slice(0, -5))
      .filter((name) => name !== 'health-on-a-dashboard')
      .flatMap(flows);
    const unique = new Map(nodes.map((node) => [node.id, node]));
    // The bridge stays away and nothing plays: what is looked at here are pages and dialogs.
    const away = { name: 'this machine', mode: 'remote', url: 'http://127.0.0.1:9' };
    unique.set('earmark-bridge-1', { ...unique.get('earmark-bridge-1')!, ...away });
    unique.get('sound-memory-capture')!.autoStart = false;
    await nodeRed.deploy([...unique.values()]);
    await editor.reload();
    await expectWellDrawn(editor, [...unique.values()]);
  });

  it('opens the dashboard flow as well where the dashboard is installed', async () => {
    const dashboard = flows('health-on-a-dashboard').map((node) =>
      node.type === 'earmark-bridge' ? { ...node, mode: 'remote', url: 'http://127.0.0.1:9' } : node,
    );
    const installed = await NodeRed.start({ flows: dashboard, dashboard: true });
    onTestFinished(() => installed.stop());
    const other = await Editor.open(installed.url);
    onTestFinished(() => other.close());
    await expectWellDrawn(other, dashboard);
  });

  it('opens each dialog with a name at each field, no key left untranslated and no serious fault in light and dark', async () => {
    const opened: string[] = [];
    const look = async (type: string) => {
      const form = editor.page.locator('.red-ui-tray').last();
      await form.locator('summary').evaluateAll((all) => {
        for (const one of all) (one as HTMLElement).click();
      });
      const texts = await form
        .locator('[data-i18n]')
        .evaluateAll((elements) => elements.map((element) => (element.textContent ?? '').trim()));
      expect(
        texts.filter((text) => /^[a-z]+\.[a-zA-Z-]+$/.test(text)),
        type,
      ).toEqual([]);
      // Every visible field is named by a label of its own.
      const nameless = await form.locator('.form-row:visible').evaluateAll((rows) =>
        rows
          .filter((row) => row.querySelector('input:not([type=hidden]), select'))
          .filter((row) => !row.querySelector('label')?.textContent?.trim())
          .map((row) => row.innerHTML),
      );
      expect(nameless, type).toEqual([]);
      for (const dark of [false, true]) {
        await darkTheme(editor.page, dark);
        expect(await seriousFaults(editor.page, '.red-ui-tray:last-child .earmark-form'), type).toEqual([]);
      }
      await darkTheme(editor.page, false);
      if (process.env.EARMARK_SCREENSHOTS && type !== 'earmark-capture') {
        // Not the address that answers nobody: what most users choose.
        const managed = editor.page.locator('#node-config-input-mode');
        if (await managed.isVisible()) await managed.selectOption('managed');
        await editor.dialogPicture(type.slice('earmark-'.length));
      }
      await editor.closeDialog();
      opened.push(type);
    };
    await editor.showFlow('sound-memory-tab');
    for (const [type, id] of [
      ['earmark-wav2vec2-extract', 'sound-memory-extract'],
      ['earmark-similar', 'sound-memory-similar'],
      ['earmark-store-pattern', 'sound-memory-store'],
      ['earmark-query', 'sound-memory-query'],
    ] as const) {
      await editor.openDialog(id);
      await look(type);
    }
    await editor.showFlow('programmatic-and-files-tab');
    await editor.openDialog('programmatic-and-files-health');
    await look('earmark-health');
    await editor.showFlow('live-microphone-tab');
    await editor.openDialog('live-microphone-capture');
    await look('earmark-capture');
    await editor.openConfigDialog('earmark-bridge', 'earmark-bridge-1');
    await look('earmark-bridge');
    await editor.openConfigDialog('earmark-memory', 'sound-memory-memory');
    await look('earmark-memory');
    expect(opened.sort()).toEqual(
      [...palette.map(([type]) => type), 'earmark-bridge', 'earmark-memory'].sort(),
    );
  });

  it.skipIf(noVirtualMicrophone)(
    'listens to a microphone before anything is deployed, and shows its level',
    async () => {
      await editor.openDialog('live-microphone-capture');
      const { page } = editor;
      const meter = page.getByRole('meter', { name: 'Level' });
      await typed('device').fill(microphone!.device);
      await page.locator('#earmark-microphone-test').click();
      const noise = Float32Array.from({ length: 3 * 16_000 }, () => Math.random() - 0.5);
      const playing = microphone!.play(noise, 16_000);
      await expect
        .poll(async () => Number(await meter.getAttribute('aria-valuenow')), { timeout: 15_000 })
        .toBeGreaterThan(-30);
      await expect.poll(() => meter.getAttribute('aria-valuetext')).toMatch(/^−[12]?\d\sdB$/);
      expect(await page.locator('.earmark-decibels').textContent()).toMatch(/^−[12]?\d\sdB$/);
      // The field was read when the test began; only this machine has a microphone of that name.
      await typed('device').fill('');
      await typed('device').blur();
      await editor.dialogPicture('capture');
      await page.getByText(/It hears you: −?-?\d+ dB/).waitFor();
      await playing;
      // Nothing is heard any more.
      await expect.poll(() => page.locator('.earmark-decibels').textContent(), { timeout: 15_000 }).toBe('');
      expect(await meter.getAttribute('aria-valuenow')).toBe('-60');
      await typed('device').fill('no such microphone');
      await page.locator('#earmark-microphone-test').click();
      await expect
        .poll(() => page.locator('#earmark-microphone-test-result').textContent(), { timeout: 20_000 })
        .toContain('cannot open the microphone "no such microphone"');
      await editor.closeDialog();
      await editor.showFlow('sound-memory-tab');
      // The browser notes the answer 503 itself.
      const noted = editor.faults.splice(0);
      expect(noted.filter((fault) => !/503/.test(fault))).toEqual([]);
    },
  );

  it('shows only the fields that matter', async () => {
    await editor.openDialog('sound-memory-capture');
    await label('source').selectOption('microphone');
    expect(await typed('device').isVisible()).toBe(true);
    expect(await label('pace').isVisible()).toBe(false);
    await label('source').selectOption('samples');
    expect(await typed('device').isVisible()).toBe(false);
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

  it('opens a flow of the first version whole, and saves it as one of this version', async () => {
    const old = JSON.parse(
      readFileSync(path.join(import.meta.dirname, 'first-sample-flow.json'), 'utf8'),
    ) as FlowNode[];
    const away = { mode: 'remote', url: 'http://127.0.0.1:9' };
    await nodeRed.deploy(old.map((node) => (node.type === 'earmark-bridge' ? { ...node, ...away } : node)));
    await editor.reload();
    await editor.showFlow('sound-memory-tab');
    expect(await editor.invalidNodes()).toEqual([]);
    await editor.openDialog('sound-memory-similar');
    expect(await label('confirmations').inputValue()).toBe('1');
    await label('name').fill('ears');
    await editor.page.locator('#node-dialog-ok').click();
    await editor.page.waitForTimeout(400);
    await editor.page.locator('#red-ui-header-button-deploy').click();
    await expect
      .poll(async () => (await deployed()).find(({ name }) => name === 'ears'), { timeout: 15_000 })
      .toBeDefined();
    const saved = await deployed();
    const similar = old.find(({ type }) => type === 'earmark-similar')!;
    // A shorter name makes the node narrower, which moves its middle.
    const x = expect.any(Number);
    const added = { version: 2, confirmations: '1', holdBackSeconds: '0', thresholdType: 'num' };
    const renewed = { ...similar, ...added, name: 'ears', x };
    expect(saved.find(({ type }) => type === 'earmark-similar')).toEqual(renewed);
    expect(saved.find(({ type }) => type === 'earmark-capture')).toMatchObject({
      version: 2,
      protocol: 'tcp',
      deviceType: 'str',
    });
    expect(saved.find(({ type }) => type === 'earmark-query')).toMatchObject({
      version: 1,
      lastHoursType: 'num',
    });
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
