import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestFlow } from './test-flow.ts';

const root = path.dirname(path.dirname(import.meta.dirname));
const configuration = new Set(['earmark-bridge', 'earmark-memory']);
const types = readdirSync(path.join(root, 'nodes')).filter(
  (name) => name.startsWith('earmark-') && !configuration.has(name),
);

/** What `docs/messages.md` says of each property that no message can give, as `node property`. */
const contract = readFileSync(path.join(root, 'docs', 'messages.md'), 'utf8');
const exempt = new Set(
  [...contract.matchAll(/^\| \*(.+?)\* \| (`.+?`(?:, `.+?`)*) \| .+ \|$/gm)].flatMap(([, node, names]) =>
    [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => `${node} ${name}`),
  ),
);

/** The properties of each dialog, from its editor's defaults. */
const dialogs: Record<string, { paletteLabel: string; defaults: Record<string, unknown> }> = {};
Object.assign(globalThis, {
  RED: {
    events: { on: () => undefined },
    nodes: {
      registerType: (type: string, dialog: (typeof dialogs)[string]) => {
        dialogs[type] = dialog;
      },
    },
  },
});
for (const type of types) await import(path.join(root, 'nodes', type, `${type}.editor.ts`));
const properties = Object.entries(dialogs).flatMap(([type, { paletteLabel, defaults }]) =>
  Object.keys(defaults).map((name) => ({ type, node: paletteLabel, name })),
);
const isExempt = ({ node, name }: { node: string; name: string }) =>
  exempt.has(`${node} ${name}`) || exempt.has(`every node ${name}`) || name.endsWith('Type');

describe('an option of the dialog', () => {
  let flow: TestFlow;
  beforeAll(async () => {
    flow = await TestFlow.load([
      { id: 'bridge', type: 'earmark-bridge', url: 'http://127.0.0.1:9' },
      { id: 'memory', type: 'earmark-memory' },
      ...types.map((type) => ({ id: type, type, wires: [] })),
      { id: 'catch', type: 'catch', scope: types, wires: [['caught']] },
      { id: 'caught', type: 'helper' },
    ]);
  });
  afterAll(() => flow.close());

  // What a message must hold for the option to matter.
  const situation: Record<string, object> = {
    device: { source: 'microphone' },
    url: { source: 'url' },
    protocol: { source: 'network' },
    host: { source: 'network' },
    port: { source: 'network' },
    sampleRate: { source: 'network' },
    limit: { mode: 'neighbours' },
  };

  it.each(properties.filter((property) => !isExempt(property)))(
    'is read from the message: $name of $node',
    async ({ type, name }) => {
      const before = flow.received('caught').length;
      const payload = type === 'earmark-capture' ? 'start' : Array(8).fill(0.5);
      flow.send(type, { payload, options: { ...situation[name], [name]: { not: 'this' } } });
      const caught = (await flow.arrived('caught', before + 1))[before]!;
      const message = expect.stringMatching(new RegExp(`msg\\.options\\.${name} must be `));
      expect(caught.error).toMatchObject({ code: 'BAD_MESSAGE', message });
      const help = path.join(root, 'nodes', type, 'locales', 'en-US', `${type}.html`);
      expect(readFileSync(help, 'utf8')).toContain(`<code>${name}</code>`);
      expect(contract).toContain(`\`${name}\``);
    },
  );

  it('is exempt only where there is one', () => {
    expect(properties.length).toBeGreaterThan(50);
    const known = new Set(properties.flatMap(({ node, name }) => [`${node} ${name}`, `every node ${name}`]));
    expect([...exempt].filter((one) => !known.has(one))).toEqual([]);
  });
});
