import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasShippedModel, type RealBridge, startRealBridge } from '../real-bridge.ts';

const root = path.resolve(import.meta.dirname, '../..');
const pages = ['README.md', ...readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md'),
);

interface Block {
  page: string;
  line: number;
  language: string;
  code: string;
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(path.join(root, page), 'utf8');
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1]!,
    code: match[2]!,
  }));
}

const blocks = pages.flatMap(blocksOf);

describe('code in the documentation', () => {
  let bridge: RealBridge;
  let folder: string;

  beforeAll(async () => {
    bridge = await startRealBridge();
    // Inside the project, so that the package's own name leads to the built package, as it does for a user.
    mkdirSync(path.join(root, '.earmark'), { recursive: true });
    folder = mkdtempSync(path.join(root, '.earmark', 'documentation-'));
    cpSync(path.join(root, 'flows', 'sounds'), path.join(folder, 'flows', 'sounds'), { recursive: true });
  });

  afterAll(async () => {
    await bridge?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it.for(blocks.filter((block) => block.language === 'ts'))('$page:$line runs', async (block, { skip }) => {
    if (!hasShippedModel) skip('python-bridge/encoders/earmark-small is not in this checkout');
    const file = path.join(folder, `${path.basename(block.page, '.md')}-${block.line}.ts`);
    writeFileSync(file, block.code.replaceAll('http://127.0.0.1:8000', bridge.url));
    const child = spawn(process.execPath, [file], {
      cwd: folder,
      env: { ...process.env, EARMARK_TOKEN: bridge.token },
      timeout: 25_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    const [exitCode] = await once(child, 'close');
    expect(exitCode, output).toBe(0);
    // A comment behind console.log says what is printed.
    for (const [, said] of block.code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm))
      expect(output).toContain(said);
  });

  it.for(blocks.filter((block) => block.language === 'json'))('$page:$line is JSON', (block) => {
    expect(() => JSON.parse(block.code)).not.toThrow();
  });

  it('links only to pages and pictures that exist', () => {
    const missing = pages.flatMap((page) => {
      const text = readFileSync(path.join(root, page), 'utf8');
      return [...text.matchAll(/\]\(([^)#]+?)(?:#[^)]*)?\)/g)]
        .map((match) => match[1]!)
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => !existsSync(path.join(root, path.dirname(page), target)))
        .map((target) => `${page} → ${target}`);
    });
    expect(missing).toEqual([]);
  });
});
