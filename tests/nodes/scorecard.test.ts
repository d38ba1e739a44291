import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.mjs';

/**
 * The rules by which the Node-RED project scores a package, as far as they can be checked without the network,
 * and those of our own that keep it installable.
 */
const root = path.dirname(path.dirname(import.meta.dirname));
const text = (...names: string[]) => readFileSync(path.join(root, ...names), 'utf8');
const manifest = JSON.parse(text('package.json')) as {
  name: string;
  license: string;
  keywords: string[];
  repository?: object;
  bugs?: object;
  engines: { node: string };
  files: string[];
  dependencies: Record<string, string>;
  scripts: Record<string, string>;
  'node-red': { version: string; nodes: Record<string, string>; plugins: Record<string, string> };
};
const types = Object.keys(manifest['node-red'].nodes);

interface FlowNode {
  id: string;
  type: string;
  name?: string;
  /** Of the `global-config` node: the packages that the flow needs; the editor offers to install what is missing. */
  modules?: Record<string, string>;
}
const flows = readdirSync(path.join(root, 'flows'))
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({
    name,
    nodes: JSON.parse(text('flows', name)) as FlowNode[],
  }));
/** As the registry had them; to be looked up again when dependencies are updated. */
const newest = JSON.parse(text('tests', 'nodes', 'newest-majors.json')) as {
  asOf: string;
  majors: Record<string, number>;
};
const sources = (type: string) => text('nodes', type, `${type}.editor.ts`);

describe('the scorecard', () => {
  it('P01, P03 to P07 (P08, no such name in another scope, needs the network): licence, repository, name, keyword, versions', () => {
    expect(manifest.license).toBe('Apache-2.0');
    expect(existsSync(path.join(root, 'LICENSE'))).toBe(true);
    expect(manifest.repository ?? manifest.bugs).toBeDefined();
    expect(manifest.name).toMatch(/^@[a-z0-9-]+\/[a-z0-9-]+$/);
    expect(manifest.keywords).toContain('node-red');
    expect(manifest['node-red'].version).toBe('>=4.1.0');
    // Node-RED 5 runs on 22.9 and newer; the palette manager refuses a package that does not.
    expect(manifest.engines.node).toBe('>=22.9');
  });

  it(`D01, D03: six dependencies at most, each at the newest major version of ${newest.asOf}`, () => {
    expect(Object.keys(manifest.dependencies).length).toBeLessThanOrEqual(6);
    const majors = Object.entries(manifest.dependencies).map(([name, range]) => {
      const major = /^\^?(\d+)\./.exec(range)![1];
      return [name, Number(major)];
    });
    expect(Object.fromEntries(majors)).toEqual(newest.majors);
  });

  it('runs nothing when it is installed', () => {
    for (const hook of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts[hook], hook).toBeUndefined();
    }
  });

  it('N01: each type is prefixed, unique, and registered by its own set under a literal name', () => {
    expect(new Set(types).size).toBe(types.length);
    for (const type of types) {
      expect(type).toMatch(/^earmark-[a-z0-9-]+$/);
      expect(manifest['node-red'].nodes[type]).toBe(`dist/nodes/${type}/${type}.js`);
      expect(sources(type)).toContain(`('${type}', {`);
      expect(text('nodes', type, `${type}.ts`)).toMatch(new RegExp(`registerType[^(]*\\('${type}'`));
    }
    const folders = readdirSync(path.join(root, 'nodes')).filter((name) => name.startsWith('earmark-'));
    expect(folders.sort()).toEqual([...types].sort());
  });

  it('D02: brings no agent-base before version 6', () => {
    const { packages } = JSON.parse(text('package-lock.json')) as {
      packages: Record<string, { version: string; dev?: boolean }>;
    };
    const shipped = Object.entries(packages).filter(([, { dev }]) => !dev);
    expect(shipped.length).toBeGreaterThan(Object.keys(manifest.dependencies).length);
    const old = shipped.filter(
      ([place, { version }]) => place.endsWith('/agent-base') && Number(version.split('.')[0]) < 6,
    );
    expect(old).toEqual([]);
  });

  it('N02: an example for each node, with a comment, and foreign nodes only where the flow says so', () => {
    const dashboard = '@flowfuse/node-red-dashboard';
    const used = new Set(flows.flatMap(({ nodes }) => nodes.map(({ type }) => type)));
    for (const type of types) expect(used, type).toContain(type);
    const core = new Set([
      'tab',
      'group',
      'comment',
      'inject',
      'debug',
      'change',
      'function',
      'switch',
      'link in',
      'link out',
      'catch',
      'status',
      'delay',
      'join',
      'split',
      'batch',
      'template',
      'json',
      'mqtt out',
      'mqtt-broker',
      'http in',
      'http response',
      'rbe',
      'file in',
      'trigger',
    ]);
    for (const { name, nodes } of flows) {
      expect(
        nodes.some(({ type }) => type === 'comment'),
        name,
      ).toBe(true);
      const foreign = nodes.filter(({ type }) => !core.has(type) && !types.includes(type));
      if (name !== 'health-on-a-dashboard.json') {
        expect(
          foreign.map(({ type }) => type),
          name,
        ).toEqual([]);
        continue;
      }
      // The one flow that needs another package names it twice: to people and to the editor.
      expect(foreign.filter(({ type }) => !/^(ui-.*|global-config)$/.test(type))).toEqual([]);
      expect(foreign.find(({ type }) => type === 'global-config')!.modules).toHaveProperty([dashboard]);
      expect(nodes.find(({ type }) => type === 'comment')!.name).toContain(dashboard);
    }
    expect(manifest.files).toEqual(expect.arrayContaining(['dist', 'examples', 'flows']));
  });

  it('N02: the built package offers each of these flows as an example', async () => {
    await build();
    const examples = readdirSync(path.join(root, 'examples')).filter((name) => name.endsWith('.json'));
    expect(examples.sort()).toEqual(flows.map(({ name }) => name).sort());
    for (const { name, nodes } of flows) expect(JSON.parse(text('examples', name)), name).toEqual(nodes);
  });

  it('gives each dialog a name property, labelled ports and no reserved property', () => {
    const reserved =
      /^(_.*|[a-z]|id|type|wires|users|valid|changed|dirty|moved|selected|inputLabels|outputLabels|validationErrors)$/;
    for (const type of types) {
      const source = sources(type);
      const defaults = /defaults: \{([\s\S]*?)\n {2}\},/.exec(source)![1]!;
      const names = [...defaults.matchAll(/^ {4}(\w+): \{/gm)].map(([, name]) => name!);
      expect(names, type).toContain('name');
      expect(
        names.filter((name) => reserved.test(name)),
        type,
      ).toEqual([]);
      expect(
        names.filter((name) => /token|password|secret/i.test(name)),
        type,
      ).toEqual([]);
      if (source.includes("category: 'config'")) continue;
      expect(source).toContain("category: 'sound memory'");
      expect(source).toMatch(/inputLabels/);
      expect(source).toMatch(/outputLabels/);
      const icon = /icon: '([^']+)'/.exec(source)![1]!;
      expect(existsSync(path.join(root, 'nodes', type, 'icons', icon)), icon).toBe(true);
    }
  });

  it('writes no text of a dialog anywhere but in the catalogues', () => {
    for (const type of types) {
      const markup = text('nodes', type, 'editor.html')
        .replace(/<[^>]+>/g, '')
        .replace(/\s+|MB|Hz/g, '');
      expect(markup, type).toBe('');
    }
  });

  it('gives each node help that begins with what it does', () => {
    for (const type of types) {
      const help = text('nodes', type, 'locales', 'en-US', `${type}.html`);
      expect(help).toMatch(new RegExp(`^<script type="text/html" data-help-name="${type}">\\s*<p>[^<]{40,}`));
    }
  });
});
