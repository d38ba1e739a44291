import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { type FlowNode, NodeRed } from './node-red.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const name = '@earmark/node-red-sound-memory';
const { 'node-red': manifest } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  'node-red': { nodes: Record<string, string>; plugins: Record<string, string> };
};
const types = Object.keys(manifest.nodes);
const examples = readdirSync(path.join(root, 'flows')).filter((file) => file.endsWith('.json'));

interface NodeSet {
  id: string;
  name: string;
  types: string[];
  module?: string;
  enabled: boolean;
  err?: string;
}

let nodeRed: NodeRed;
beforeAll(async () => {
  await build();
  nodeRed = await NodeRed.start({ flows: [] });
});
afterAll(() => nodeRed.stop());

describe('the built package in a real Node-RED', () => {
  it('loads each node in a set of its own, without an error', async () => {
    const response = await nodeRed.get('/nodes', { accept: 'application/json' });
    const sets = ((await response.json()) as NodeSet[]).filter((set) => set.module === name);
    expect(sets.map((set) => set.name).sort()).toEqual([...types].sort());
    for (const set of sets) {
      expect(set.err, set.name).toBeUndefined();
      expect(set).toMatchObject({ types: [set.name], enabled: true });
    }
  });

  it('gives the editor each dialog, help text and the sidebar', async () => {
    const html = await (await nodeRed.get('/nodes', { accept: 'text/html' })).text();
    for (const type of types) {
      expect(html).toContain(`data-template-name="${type}"`);
      expect(html).toContain(`data-help-name="${type}"`);
      expect(html).toContain(`RED.nodes.registerType("${type}"`);
    }
    const plugins = await (await nodeRed.get('/plugins', { accept: 'text/html' })).text();
    expect(plugins).toContain('RED.plugins.registerPlugin("earmark-sounds"');
  });

  it('serves the icons', async () => {
    const icons = (await (await nodeRed.get('/icons')).json()) as Record<string, string[]>;
    expect(icons[name]).toHaveLength(6);
    for (const icon of icons[name]!) {
      const response = await nodeRed.get(`/icons/${name}/${icon}`);
      expect(response.headers.get('content-type')).toContain('image/svg+xml');
    }
  });

  it('serves the texts of each set', async () => {
    for (const type of types) {
      const response = await nodeRed.get(`/locales/${name}/${type}?lng=en-US`);
      const texts = (await response.json()) as { status: { ready: string }; label: object };
      expect(texts.status.ready, type).toBe('ready');
      expect(Object.keys(texts.label).length, type).toBeGreaterThan(0);
    }
  });

  it('offers the flows as examples', async () => {
    const listed = await (await nodeRed.get(`/library/examples/flows/${name}/`)).json();
    expect(listed).toEqual(examples.map((file) => ({ fn: path.basename(file, '.json') })));
    for (const file of examples) {
      const response = await nodeRed.get(`/library/examples/flows/${name}/${path.basename(file, '.json')}`);
      expect((await response.json()) as FlowNode[]).toEqual(
        JSON.parse(readFileSync(path.join(root, 'flows', file), 'utf8')),
      );
    }
  });

  it('answers the editor where a permission is asked for, and knows nothing of what is not deployed', async () => {
    expect(await (await nodeRed.get('/earmark/capture/devices')).json()).toBeInstanceOf(Array);
    expect(await (await nodeRed.get('/earmark/bridge/none/models')).json()).toEqual([]);
  });

  it('shows no more than one status a second, however much happens', async () => {
    const node = (id: string, type: string, rest: object) => ({ id, type, z: 'tab', ...rest });
    await nodeRed.deploy([
      { id: 'tab', type: 'tab', label: 'busy' },
      node('press', 'inject', { props: [{ p: 'payload' }], payloadType: 'date', wires: [['busy']] }),
      node('busy', 'earmark-capture', {
        ...{ source: 'file', path: 'words/01-hello.wav', pathType: 'str' },
        ...{ cut: 'sounds', pace: 'fast', format: 'raw', wires: [] },
      }),
      // The times are taken in Node-RED: on the way to here some are held up.
      node('seen', 'status', { scope: ['busy'], wires: [['clock']] }),
      node('clock', 'function', {
        func: 'return { payload: String(Date.now()) };',
        outputs: 1,
        libs: [],
        wires: [['shown']],
      }),
      node('shown', 'debug', {
        active: true,
        tosidebar: true,
        complete: 'payload',
        targetType: 'msg',
        wires: [],
      }),
    ]);
    for (let i = 0; i < 40; i++) {
      await nodeRed.inject('press');
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    const times = (await nodeRed.debug('shown', 4)).map(Number);
    // Each is taken a little late, on a busy machine by tenths of a second: no two of them are compared.
    const pause = (times.at(-1)! - times[0]!) / (times.length - 1);
    expect(pause, times.join(' ')).toBeGreaterThan(900);
  });

  it('warns of nothing at its start', () => {
    expect(nodeRed.log.filter((line) => /\[(warn|error)\]/.test(line) && /earmark/i.test(line))).toEqual([]);
    expect(nodeRed.log.filter((line) => line.includes('Uncaught'))).toEqual([]);
  });
});
