import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { NodeRed, temporaryUserDir } from '../runtime/node-red.ts';
import { seriousFaults } from './accessibility.ts';
import { Editor, noBrowser } from './editor.ts';

const properties = {
  ...{ type: 'earmark-memory', threshold: '', maxPatterns: '', maxDays: '', clipMegabytes: '50' },
  ...{ metric: 'cosine', dimensions: '768', saveChanges: '1000', saveSeconds: '60' },
};
const memory = (name: string, folder: string) => [
  // No property is another node's id: Node-RED takes that for a reference.
  { ...properties, id: `memory-${name}`, name, folder },
  // A memory is opened for a node that uses it.
  {
    id: `of-${name}`,
    type: 'earmark-query',
    z: 'flow',
    x: 300,
    y: 60,
    memory: `memory-${name}`,
    wires: [[]],
  },
];
const flow = { id: 'flow', type: 'tab', label: 'Flow 1' };

describe.skipIf(noBrowser)('a memory that does not open', { timeout: 90_000 }, () => {
  let nodeRed: NodeRed;
  let editor: Editor;
  let page: Page;

  beforeAll(async () => {
    await build();
    const userDir = temporaryUserDir();
    writeFileSync(path.join(userDir, 'no-folder'), '');
    nodeRed = await NodeRed.start({ userDir, flows: [flow, ...memory('attic', 'no-folder')] });
    editor = await Editor.open(nodeRed.url);
    ({ page } = editor);
    await page.evaluate('RED.actions.invoke("earmark:show-sounds")');
  }, 180_000);
  afterAll(async () => {
    await editor?.close();
    await nodeRed?.stop();
  });

  const panel = () => page.locator('.earmark-panel:not([hidden])');

  test('is named in every tab, with why and what to do', async () => {
    for (const name of ['Map', 'Suggestions', 'Labels', 'Sounds']) {
      await page.getByRole('tab', { name, exact: true }).click();
      await panel().getByText('"attic" does not open').waitFor();
      await panel()
        .getByText(/not a usable folder: choose another path/)
        .waitFor();
    }
    expect(await seriousFaults(page, '.earmark-sounds')).toEqual([]);
    await panel().getByRole('button', { name: 'Open its settings' }).click();
    await page.locator('#node-config-input-folder').waitFor();
    expect(await page.locator('#node-config-input-folder').inputValue()).toBe('no-folder');
    await editor.closeDialog();
  });

  test('gives way to one that opens, and can be chosen beside it', async () => {
    await nodeRed.deploy([flow, ...memory('attic', 'no-folder'), ...memory('cellar', 'cellar')]);
    const choice = page.locator('.earmark-memories');
    await choice.selectOption('memory-cellar');
    await panel().getByText('Nothing heard yet').waitFor();
    await choice.selectOption({ label: '"attic" does not open' });
    await panel().getByText('"attic" does not open').waitFor();
  });

  test('shows its sounds by itself as soon as it opens, and why there are no suggestions', async () => {
    rmSync(path.join(nodeRed.userDir, 'no-folder'));
    await nodeRed.deploy([flow, ...memory('attic', 'no-folder')]);
    await panel().getByText('Nothing heard yet').waitFor();
    const progress = { phase: 'failed', done: 0, total: 0, problem: 'no memory left' };
    const json = { progress, groups: [], uncertain: [], contradictions: [] };
    await page.route('**/suggestions', (route) => route.fulfill({ json }));
    await page.getByRole('tab', { name: 'Suggestions' }).click();
    await panel().getByText('The map failed: no memory left').waitFor();
    expect(editor.faults).toEqual([]);
  });
});
