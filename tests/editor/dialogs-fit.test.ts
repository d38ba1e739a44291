import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { NodeRed } from '../runtime/node-red.ts';
import { Editor, noBrowser } from './editor.ts';

const nodeTypes = [
  'earmark-capture',
  'earmark-health',
  'earmark-query',
  'earmark-similar',
  'earmark-store-pattern',
  'earmark-wav2vec2-extract',
];
const configTypes = ['earmark-bridge', 'earmark-memory'];

const memory = {
  ...{ type: 'earmark-memory', threshold: '', maxPatterns: '', maxDays: '', clipMegabytes: '50' },
  ...{ metric: 'cosine', dimensions: '768', saveChanges: '1000', saveSeconds: '60' },
};

/** Every dialog must have room for its words in every language that it speaks. */
describe.skipIf(noBrowser)(`the dialogs (${noBrowser ?? 'Chromium'})`, { timeout: 90_000 }, () => {
  let nodeRed: NodeRed;

  beforeAll(async () => {
    await build();
    nodeRed = await NodeRed.start({
      flows: [
        { id: 'tab', type: 'tab', label: 'one of each' },
        // No property is another node's id: Node-RED takes that for a reference, and starts nothing where it is a circle.
        ...configTypes.map((type) => ({ id: `the-${type}`, type, name: type })),
        ...['one', 'two'].flatMap((name) => [
          { ...memory, id: `memory-${name}`, name, folder: name },
          // A memory is opened for a node that uses it.
          {
            id: `into-${name}`,
            type: 'earmark-query',
            z: 'tab',
            x: 400,
            y: 60,
            memory: `memory-${name}`,
            wires: [],
          },
        ]),
        ...nodeTypes.map((type, i) => ({ id: type, type, z: 'tab', x: 200, y: 60 + 60 * i, wires: [] })),
      ],
    });
  }, 180_000);
  afterAll(async () => {
    await nodeRed?.stop();
  });

  test.each(['en-US', 'de', 'fr', 'es-ES', 'ja', 'zh-CN'])(
    'have room for their words in %s',
    async (locale) => {
      const editor = await Editor.open(nodeRed.url, { locale });
      try {
        for (const type of [...configTypes, ...nodeTypes]) {
          if (configTypes.includes(type)) await editor.openConfigDialog(type, `the-${type}`);
          else {
            await editor.page.evaluate(`RED.editor.edit(RED.nodes.node(${JSON.stringify(type)}))`);
            await editor.page.locator('.red-ui-tray-footer').last().waitFor();
          }
          const form = editor.page.locator('.red-ui-tray .earmark-form').last();
          await form.waitFor();
          expect(await form.evaluate(faultsOfFit), `${type} in ${locale}`).toEqual([]);
          await editor.closeDialog();
        }
      } finally {
        await editor.close();
      }
    },
  );

  test('the choice of a memory in the sidebar shows whole letters', async () => {
    const editor = await Editor.open(nodeRed.url);
    try {
      await editor.page.evaluate('RED.actions.invoke("earmark:show-sounds")');
      const choice = editor.page.locator('.earmark-memories');
      await choice.waitFor();
      const [room, needed] = await choice.evaluate((select) => {
        const { paddingTop, paddingBottom, fontSize } = getComputedStyle(select);
        const room = select.clientHeight - Number.parseFloat(paddingTop) - Number.parseFloat(paddingBottom);
        return [room, 1.25 * Number.parseFloat(fontSize)] as const;
      });
      expect(room).toBeGreaterThanOrEqual(needed);
    } finally {
      await editor.close();
    }
  });
});

/** What in a dialog has not enough room. Every row is shown for that, whatever is chosen. */
function faultsOfFit(form: Element): string[] {
  for (const details of form.querySelectorAll('details')) details.open = true;
  for (const row of form.querySelectorAll<HTMLElement>('[data-when]')) row.style.display = 'block';
  const faults: string[] = [];
  const isSeen = (element: HTMLElement) => element.offsetWidth > 0;
  const lines = (element: Element) => {
    const { fontSize } = getComputedStyle(element);
    return element.getBoundingClientRect().height / (1.8 * Number.parseFloat(fontSize));
  };
  for (const label of form.querySelectorAll<HTMLElement>('.form-row > label:first-child')) {
    const words = label.querySelector('span');
    if (!words || !isSeen(label)) continue;
    const over = words.getBoundingClientRect().right - label.getBoundingClientRect().right;
    if (lines(label) > 1 || over > 0.5) faults.push(`label "${words.textContent}"`);
  }
  const pen = document.createElement('canvas').getContext('2d') as CanvasRenderingContext2D;
  for (const field of form.querySelectorAll('input')) {
    if (field.placeholder === '' || !isSeen(field)) continue;
    const { font, paddingLeft, paddingRight } = getComputedStyle(field);
    pen.font = font;
    const room = field.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight);
    if (pen.measureText(field.placeholder).width > room) faults.push(`placeholder "${field.placeholder}"`);
  }
  for (const unit of form.querySelectorAll<HTMLElement>(
    '.earmark-number + .earmark-unit, .red-ui-typedInput-container + .earmark-unit',
  )) {
    const field = unit.previousElementSibling as HTMLElement;
    const apart = unit.getBoundingClientRect().left - field.getBoundingClientRect().right;
    const rows = unit.getClientRects().length;
    if (Math.abs(apart - 6) > 0.5 || rows > 1)
      faults.push(`unit "${unit.textContent}" ${apart} px apart in ${rows} lines`);
  }
  return faults;
}
