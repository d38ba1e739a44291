import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { hasShippedModel, testPython } from '../real-bridge.ts';
import { type FlowNode, NodeRed, temporaryUserDir } from '../runtime/node-red.ts';
import { Editor, noBrowser } from './editor.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const missing = noBrowser ?? (hasShippedModel ? undefined : 'needs the shipped model');
const sounds = ['doorbell', 'kettle', 'knock', 'phone', 'creak', 'drip'];

if (missing && process.env.CI === 'true') throw new Error(`The sample flow's test ${missing}.`);

/** What a newcomer sees after `npm start`: nothing is clicked, and no microphone is there. */
describe.skipIf(missing)(`the sample flow (${missing ?? 'Chromium'})`, () => {
  let nodeRed: NodeRed;
  let flows: FlowNode[];
  let editor: Editor;

  beforeAll(async () => {
    await Promise.all([build(), testPython()]);
    flows = JSON.parse(readFileSync(path.join(root, 'flows', 'sound-memory.json'), 'utf8')) as FlowNode[];
    // The page is open before anything sounds, so that it sees everything from the beginning.
    nodeRed = await NodeRed.start({ flows, paused: true });
    editor = await Editor.open(nodeRed.url);
  }, 180_000);
  afterAll(async () => {
    await editor?.close();
    await nodeRed?.stop();
  });

  const said = async (name: string) =>
    (await editor.debugMessages()).filter((message) => message.name === name).map(({ text }) => text);

  it('shows each second hearing recognised, with label and similarity, in the debug sidebar', async () => {
    await nodeRed.startFlows();
    await expect
      .poll(async () => (await said('recognised')).length, { timeout: 120_000 })
      .toBe(sounds.length);
    const recognised = await said('recognised');
    expect(recognised.map((text) => text.split(',')[0])).toEqual(sounds);
    const { threshold } = flows.find(({ id }) => id === 'sound-memory-similar')!;
    for (const text of recognised) {
      const [, similarity] = /^[a-z]+, similarity ([01]\.\d\d)$/.exec(text)!;
      expect(Number(similarity), text).toBeGreaterThanOrEqual(Number(threshold));
    }
    expect(await said('learnt')).toEqual(sounds);
  }, 150_000);

  it('tells what it knows, and forgets it', async () => {
    await nodeRed.inject('sound-memory-what');
    const [known] = await nodeRed.debug('sound-memory-known');
    expect(known!.split(', ').sort()).toEqual([...sounds].sort());
    await forgetEverything(nodeRed);
  }, 60_000);

  it('is quiet in the log and in the console', () => {
    expect(nodeRed.log.filter((line) => line.includes('[error]'))).toEqual([]);
    expect(editor.faults).toEqual([]);
  });
});

async function forgetEverything(nodeRed: NodeRed): Promise<void> {
  await nodeRed.inject('sound-memory-forget');
  await expect
    .poll(
      async () => {
        await nodeRed.inject('sound-memory-what');
        return nodeRed.debugged('sound-memory-known').at(-1);
      },
      { timeout: 50_000, interval: 500 },
    )
    .toBe('nothing yet');
}

it('the sample flow forgets more sounds than a node lets wait', async () => {
  await build();
  const flows = JSON.parse(readFileSync(path.join(root, 'flows', 'sound-memory.json'), 'utf8')) as FlowNode[];
  // It plays nothing and computes nothing.
  for (const node of flows) {
    if (node.type === 'earmark-bridge') node.mode = 'remote';
    if (node.type === 'earmark-capture') node.autoStart = false;
  }
  const userDir = temporaryUserDir();
  const folder = flows.find(({ type }) => type === 'earmark-memory')!.folder as string;
  const memory = createFeatureStorage({ indexPath: path.join(userDir, folder), dimensions: 768 });
  await memory.initialize();
  await memory.storePatterns(
    Array.from({ length: 300 }, (_, number) => ({
      pattern: {
        startTime: number,
        endTime: number + 1,
        frequencyRange: { low: 0, high: 8000 },
        confidence: 1,
        type: 'sound',
        features: new Float32Array(768).fill(1),
      },
      metadata: { sourceId: 'test', label: 'hum' },
    })),
  );
  await memory.close();
  const nodeRed = await NodeRed.start({ flows, userDir });
  try {
    await nodeRed.status('sound-memory-all', /ready/);
    await forgetEverything(nodeRed);
    expect(nodeRed.log.filter((line) => line.includes('[error]'))).toEqual([]);
  } finally {
    await nodeRed.stop();
  }
}, 120_000);
