// `npm run build`: everything that is shipped and is not a source goes to `dist/` and `examples/`.
//   src/, nodes/*.ts      → tsc                      → dist/
//   nodes/<type>/editor.* → esbuild, one page each   → dist/nodes/<type>/<type>.html
//   icons, locales        → copied beside the built node, where Node-RED looks for them
//   nodes/earmark-capture/microphone-page/ → esbuild, a page outside the editor
//   flows/*.json          → examples/, the only folder that Node-RED offers under Import
// A build with nothing to do takes milliseconds; one that fails leaves the last good `dist/` alone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
// Test files that run at the same time may all find the build old, so each builds in a place of its own.
const fresh = path.join(root, 'node_modules', `.earmark-build-${process.pid}`);
const examples = path.join(root, 'examples');
const stampFile = path.join(dist, '.stamp');

/** A digest of names, sizes and times of all that the build reads. */
function stamp() {
  const hash = createHash('sha256');
  const add = (file) => {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${path.relative(root, file)} ${size} ${mtimeMs}\n`);
  };
  for (const folder of ['src', 'nodes', 'flows']) {
    const entries = readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true });
    for (const entry of entries) if (entry.isFile()) add(path.join(entry.parentPath, entry.name));
  }
  for (const name of ['package.json', 'tsconfig.json', 'tsconfig.editor.json', 'scripts/build.mjs']) {
    add(path.join(root, name));
  }
  return hash.digest('hex');
}

function compile(...args) {
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`The TypeScript sources cannot be built:\n${stdout}${stderr}`.trimEnd());
}

/** One page for the editor: the dialog's template, then its code. The scorecard reads it, so it is not minified. */
async function editorPage(type, folder) {
  const { build: bundle } = await import('esbuild');
  const { outputFiles } = await bundle({
    entryPoints: [path.join(folder, `${type}.editor.ts`)],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    write: false,
  });
  const code = outputFiles[0].text;
  if (code.includes('</script')) throw new Error(`${type}.editor.ts would end its own script element`);
  const template = readFileSync(path.join(folder, 'editor.html'), 'utf8').trimEnd();
  return `${template}\n\n<script type="text/javascript">\n${code}</script>\n`;
}

/** The page with which a browser becomes a microphone; its worklet runs in a thread of its own, so it is a file of its own. */
async function microphonePage() {
  const { build: bundle } = await import('esbuild');
  const folder = path.join(root, 'nodes', 'earmark-capture', 'microphone-page');
  const outdir = path.join(fresh, 'dist', 'nodes', 'earmark-capture', 'microphone-page');
  const entryPoints = ['page.ts', 'worklet.ts'].map((name) => path.join(folder, name));
  await bundle({ entryPoints, outdir, bundle: true, format: 'esm', target: 'es2022', legalComments: 'none' });
  for (const name of ['page.html', 'page.css']) cpSync(path.join(folder, name), path.join(outdir, name));
}

/** A node's own words, after those that all nodes share: each node set has a catalogue of its own in Node-RED. */
function buildLocale(type, language) {
  const source = path.join(root, 'nodes', type, 'locales', language);
  const target = path.join(fresh, 'dist', 'nodes', type, 'locales', language);
  cpSync(source, target, { recursive: true });
  const words = JSON.parse(readFileSync(path.join(root, 'nodes', 'locales', `${language}.json`), 'utf8'));
  const own = JSON.parse(readFileSync(path.join(source, `${type}.json`), 'utf8'));
  for (const [group, texts] of Object.entries(own)) words[group] = { ...words[group], ...texts };
  writeFileSync(path.join(target, `${type}.json`), JSON.stringify(words, null, 2));
}

async function buildNode(type) {
  const folder = path.join(root, 'nodes', type);
  const target = path.join(fresh, 'dist', 'nodes', type);
  // A sidebar has no code on the server, so the compiler made no folder for it.
  mkdirSync(target, { recursive: true });
  writeFileSync(path.join(target, `${type}.html`), await editorPage(type, folder));
  for (const language of readdirSync(path.join(folder, 'locales'))) buildLocale(type, language);
  const icons = path.join(folder, 'icons');
  if (existsSync(icons)) cpSync(icons, path.join(target, 'icons'), { recursive: true });
}

/** Puts `folder` in its place at once; what was there before goes. */
function replace(place, folder) {
  const old = `${folder}.old`;
  if (existsSync(place)) renameSync(place, old);
  renameSync(folder, place);
  rmSync(old, { recursive: true, force: true });
}

const isFresh = (wanted) =>
  existsSync(stampFile) && existsSync(examples) && readFileSync(stampFile, 'utf8') === wanted;

/** Resolves to false when there was nothing to do; rejects with what the compiler said. */
export async function build(log = () => {}) {
  const wanted = stamp();
  if (isFresh(wanted)) return false;
  log('Building …');
  try {
    compile('-p', 'tsconfig.json', '--outDir', path.join(fresh, 'dist'));
    compile('-p', 'tsconfig.editor.json');
    const isNode = (name) => existsSync(path.join(root, 'nodes', name, 'editor.html'));
    for (const type of readdirSync(path.join(root, 'nodes')).filter(isNode)) await buildNode(type);
    await microphonePage();
    mkdirSync(path.join(fresh, 'examples'));
    for (const name of readdirSync(path.join(root, 'flows'))) {
      if (name.endsWith('.json')) cpSync(path.join(root, 'flows', name), path.join(fresh, 'examples', name));
    }
    writeFileSync(path.join(fresh, 'dist', '.stamp'), wanted);
    if (isFresh(wanted)) return false;
    replace(examples, path.join(fresh, 'examples'));
    replace(dist, path.join(fresh, 'dist'));
    return true;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log((await build()) ? 'Built dist/ and examples/.' : 'Nothing changed since the last build.');
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
