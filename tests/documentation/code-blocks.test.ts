import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { isInstalled } from '../../src/audio/microphone.ts';
import { documentedExamples } from '../pipelines/documented-examples.ts';
import { hasShippedModel, type RealBridge, startRealBridge, testPython } from '../real-bridge.ts';
import { blocksOf, linksOf, pages, root } from './pages.ts';
import { Reader } from './reader.ts';

const blocks = pages.flatMap(blocksOf);
/** They need files, microphones and servers, which tests/pipelines/examples.test.ts gives them. */
const runElsewhere = documentedExamples(new URL('../../src/pipelines/', import.meta.url)).map(
  ({ code }) => code,
);

/** The languages whose blocks are judged below. `text` is a picture made of letters, no code. */
const judged = ['ts', 'sh', 'json', 'js', 'nginx', 'text'];

it('has no block that nobody judges', () => {
  const others = blocks.filter(({ page, language }) => {
    // Declarations, which reference.test.ts compares with the sources.
    if (language === 'typescript') return !page.startsWith('docs/reference/');
    return !judged.includes(language);
  });
  expect(others.map(({ page, line, language }) => `${page}:${line} ${language}`)).toEqual([]);
});

/** Pages that are linked to and whose commands no test runs, with the reason. */
const notRun: Record<string, string> = {
  'bench/bridge.md': 'its commands measure for hours, on a machine that does nothing else',
  'bench/capture.md': 'its commands measure for hours, on a machine that does nothing else',
  'python-bridge/training/README.md': 'its command trains for hours, with sounds that are not in a clone',
};

it('passes over no page that one of them links to without a reason', () => {
  const linked = pages.flatMap((page) =>
    linksOf(page).map((target) => path.posix.join(path.posix.dirname(page), target.split('#')[0]!)),
  );
  const others = new Set(linked.filter((page) => page.endsWith('.md') && !pages.includes(page)));
  const withBlocks = [...others].filter((page) => blocksOf(page).length > 0);
  expect(withBlocks.sort()).toEqual(Object.keys(notRun));
});

it.for(Object.keys(notRun))('names in %s only what is there', (page) => {
  const code = blocksOf(page)
    .map((block) => block.code)
    .join('\n');
  const programs = [
    ...[...code.matchAll(/npm run (?:-s )?(bench|soak) -- ([\w-]+)/g)].map(([, kind, name]) =>
      kind === 'bench' ? `bench/${name}.ts` : `bench/soak/${name}.ts`,
    ),
    ...[...code.matchAll(/python-bridge\/[\w./-]+/g)].map(([name]) => name),
  ];
  expect(programs.length).toBeGreaterThan(0);
  expect(programs.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
});

describe('what can be run', { timeout: 120_000 }, () => {
  let bridge: RealBridge;
  let reader: Reader;

  beforeAll(async () => {
    if (!hasShippedModel) return;
    [bridge] = await Promise.all([startRealBridge(), build()]);
    reader = await Reader.start(bridge);
  });

  afterAll(async () => {
    reader?.end();
    await bridge?.[Symbol.asyncDispose]();
  });

  const programs = blocks.filter((block) => block.language === 'ts' && !runElsewhere.includes(block.code));
  it.for(programs)('$page:$line runs', async ({ page, line, code }, { skip }) => {
    if (!hasShippedModel) skip('python-bridge/encoders/earmark-small is not in this checkout');
    const { status, output } = await reader.ts(`${path.basename(page, '.md')}-${line}.ts`, code);
    expect(status, output).toBe(0);
    // A comment behind console.log says what is printed.
    for (const [, said] of code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)) expect(output).toContain(said);
  });

  it('is TypeScript that the compiler accepts', async ({ skip }) => {
    if (!hasShippedModel) skip('python-bridge/encoders/earmark-small is not in this checkout');
    const { status, output } = await reader.typeCheck(programs.map(({ code }) => code));
    expect(status, output).toBe(0);
  });

  const withShell = pages.filter((page) => blocksOf(page).some(({ language }) => language === 'sh'));
  it.for(withShell)('the commands of %s do', async (page, { skip }) => {
    if (!hasShippedModel) skip('python-bridge/encoders/earmark-small is not in this checkout');
    const home = reader.homeFor(page);
    for (const { line, language, code } of blocksOf(page)) {
      if (language !== 'sh') continue;
      const { status, output } = await reader.sh(home, code);
      expect(status, `${page}:${line}\n${output}`).toBe(0);
    }
  });
});

it('draws the folders as they are', () => {
  const [drawn] = blocksOf('docs/architecture.md').filter(({ language }) => language === 'text');
  const named = [...drawn!.code.matchAll(/^([\w./-]+)/gm)].map(([, name]) => name!.replace(/,$/, ''));
  expect(named.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
  const folders = readdirSync(path.join(root, 'src'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  for (const { name } of folders) expect(named).toContain(`src/${name}/`);
});

describe('JSON', () => {
  const written = blocks.filter(({ language }) => language === 'json');

  it.for(written)('$page:$line can be read', ({ code }) => {
    expect(() => JSON.parse(code)).not.toThrow();
  });

  it('is understood by the server where it is a models.json', async () => {
    const models = written.filter(({ code }) => 'models' in JSON.parse(code));
    expect(models.length).toBeGreaterThan(0);
    const check =
      'import json, sys; from earmark_bridge.models import ModelsFile\nfor text in json.load(sys.stdin): ModelsFile.model_validate_json(text)';
    execFileSync(await testPython(), ['-c', check], {
      cwd: path.join(root, 'python-bridge'),
      input: JSON.stringify(models.map(({ code }) => code)),
    });
  });
});

describe("Node-RED's settings", () => {
  const settings = blocks.filter(({ language }) => language === 'js');
  const { hasPermission } = createRequire(
    createRequire(import.meta.url).resolve('@node-red/editor-api/lib/auth/permissions'),
  )('./permissions') as { hasPermission(scope: string | string[], wanted: string): boolean };

  it.for(settings)('$page:$line gives each user what the page says', ({ code }) => {
    const module = {
      exports: {} as { adminAuth?: { users: { username: string; permissions: string | string[] }[] } },
    };
    new Function('module', code)(module);
    for (const { username, permissions } of module.exports.adminAuth?.users ?? []) {
      expect(hasPermission(permissions, 'earmark.read'), username).toBe(true);
      expect(hasPermission(permissions, 'earmark.write'), username).toBe(username === 'teacher');
    }
  });
});

describe('nginx', () => {
  const configurations = blocks.filter(({ language }) => language === 'nginx');

  it.for(configurations)('$page:$line leads to the bridge, WebSocket included', ({ code }, { skip }) => {
    expect(code).toContain('proxy_pass http://127.0.0.1:8000/;');
    expect(code).toMatch(/proxy_set_header Upgrade \$http_upgrade;\s+proxy_set_header Connection upgrade;/);
    if (process.env.CI !== 'true' && !isInstalled('nginx')) {
      skip('nginx is not installed, so it was not asked: apt install nginx');
    }
    const folder = mkdtempSync(path.join(os.tmpdir(), 'earmark-nginx-'));
    const file = path.join(folder, 'nginx.conf');
    writeFileSync(
      file,
      `pid ${folder}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${code}}\n`,
    );
    try {
      execFileSync('nginx', ['-t', '-q', '-p', folder, '-c', file], { stdio: 'pipe' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
