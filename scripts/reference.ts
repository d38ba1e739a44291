// `npm run reference`: writes docs/reference/ from the types of the package's entry points and from the nodes' help, and
// the README's figures from the encoder's card.
// tests/documentation/reference.test.ts fails when the pages and their sources have drifted apart.
//
// Interfaces and types stand as they are written in `src/`; functions and classes as the compiler declares them in
// `dist/`, without their bodies. Both are formatted by a program (Biome, tsc), so that a declaration begins at the
// start of a line and ends with the first `}` or `;` that does not stand inside it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from './build.mjs';

const root = path.dirname(import.meta.dirname);
const packageName = '@earmark/node-red-sound-memory';

interface Declaration {
  name: string;
  kind: 'function' | 'class' | 'interface' | 'type' | 'const';
  /** The text of its documentation comment. */
  comment: string;
  code: string;
  /** Relative to `src/`, without the ending. */
  file: string;
}

interface EntryPoint {
  /** In docs/reference/. */
  page: string;
  /** Relative to `src/`, without the ending. */
  file: string;
  title: string;
  about: string;
}

const entryPoints: EntryPoint[] = [
  {
    page: 'audio.md',
    file: 'audio/index',
    title: `${packageName}/audio`,
    about: 'Sources of sound, cutting, measuring. How they behave: [Audio](../audio.md).',
  },
  {
    page: 'bridge.md',
    file: 'bridge/index',
    title: `${packageName}/bridge`,
    about:
      'The way to the Python server, and running it. How the two talk: [The wire protocol](../protocol.md).',
  },
  {
    page: 'storage.md',
    file: 'storage/index',
    title: `${packageName}/storage`,
    about: 'The memory. How it stores and searches: [How the memory stores](../storage.md).',
  },
  {
    page: 'pipelines.md',
    file: 'pipelines/index',
    title: `${packageName}/pipelines`,
    about: 'RxJS operators that join the three. How they behave: [Pipelines](../pipelines.md).',
  },
];

const read = (...parts: string[]) => readFileSync(path.join(root, ...parts), 'utf8');

/** The exported declarations of one file. */
function declarationsIn(file: string): Declaration[] {
  const kinds = (text: string, wanted: string) => declarationsOf(text, file, wanted);
  return [
    ...kinds(read('dist', 'src', `${file}.d.ts`), 'function|class|const'),
    ...kinds(read('src', `${file}.ts`), 'interface|type'),
  ];
}

function declarationsOf(text: string, file: string, kinds: string): Declaration[] {
  const pattern = new RegExp(
    `(?:^/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\n)?^export (?:declare )?(?:abstract )?(${kinds}) (\\w+)`,
    'gm',
  );
  return [...text.matchAll(pattern)].map((match) => {
    const start = match.index + match[0].search(/^export /m);
    return {
      name: match[3]!,
      kind: match[2] as Declaration['kind'],
      comment: (match[1] ?? '').replaceAll(/^ ?\* ?/gm, '').trim(),
      code: tidy(text.slice(start, endOf(text, start))),
      file,
    };
  });
}

/** Where the declaration that starts here ends: at a `}` or `;` outside all brackets, comments and quotes. */
function endOf(text: string, start: number): number {
  const isType = /^export (?:declare )?type/.test(text.slice(start, start + 30));
  const tokens = /\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'|`[^`]*`|[{}();[\]]/g;
  tokens.lastIndex = start;
  let depth = 0;
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    if ('{(['.includes(token[0])) depth++;
    if ('})]'.includes(token[0])) depth--;
    if (depth === 0 && (token[0] === ';' || (token[0] === '}' && !isType && text[tokens.lastIndex] === '\n')))
      return tokens.lastIndex;
  }
  return text.length;
}

/** As a reader wants to see it: without what concerns only the compiler. */
function tidy(code: string): string {
  return code
    .replace(/^export (declare )?/, '')
    .replaceAll(/^ {4}#private;\n/gm, '')
    .replaceAll(/^(?: {4})+/gm, (indent) => ' '.repeat(indent.length / 2))
    .replaceAll(/^ {2}private [^\n]*\n/gm, '');
}

/** The names that an entry point re-exports, each with the file that declares it. */
function exportsOf(entry: string): { name: string; file: string }[] {
  const text = read('src', `${entry}.ts`);
  const lists = text.matchAll(/^export (?:type )?\{([^}]*)\} from '(\.[^']*)\.ts';/gm);
  const named = [...lists].flatMap(([, names, from]) =>
    names!
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== '')
      .map((name) => ({ name, file: path.posix.join(path.posix.dirname(entry), from!) })),
  );
  const own = declarationsIn(entry).map(({ name }) => ({ name, file: entry }));
  return [...own, ...named];
}

/** What an interface extends is part of it, also where the entry point does not name it. */
function basesOf({ code, file, kind }: Declaration): { name: string; file: string }[] {
  if (kind !== 'interface') return [];
  const extended = /^interface \w+(?:<[^{]*>)? extends ([^{]*)\{/.exec(code)?.[1] ?? '';
  return [...extended.matchAll(/\b[A-Z]\w+/g)].flatMap(([name]) => {
    const from = importOf(name, file) ?? file;
    return existsSync(path.join(root, 'src', `${from}.ts`)) ? [{ name, file: from }] : [];
  });
}

function importOf(name: string, file: string): string | undefined {
  const imports = read('src', `${file}.ts`).matchAll(/^import (?:type )?\{([^}]*)\} from '(\.[^']*)\.ts';/gm);
  for (const [, names, from] of imports)
    if (new RegExp(`\\b${name}\\b`).test(names!)) return path.posix.join(path.posix.dirname(file), from!);
  return undefined;
}

function publicDeclarations(entry: string): Declaration[] {
  const found = new Map<string, Declaration>();
  const add = ({ name, file }: { name: string; file: string }) => {
    const declaration = declarationsIn(file).find((candidate) => candidate.name === name);
    if (declaration === undefined || found.has(name)) return;
    found.set(name, declaration);
    for (const base of basesOf(declaration)) add(base);
  };
  for (const exported of exportsOf(entry)) add(exported);
  return [...found.values()];
}

/** A documentation comment as Markdown. */
function prose(comment: string): string {
  return comment
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/^@example\n/gm, '')
    .replaceAll(/@throws /g, '\n**Throws** ')
    .replaceAll(/@default /g, 'Default: ')
    .trim();
}

/** Not `ts`: a declaration cannot be run, and the blocks that can be are. */
const fenced = (code: string) => `\`\`\`typescript\n${code.trimEnd()}\n\`\`\``;

function section({ name, comment, code }: Declaration): string {
  return [`### ${name}`, prose(comment), fenced(code)].filter((part) => part !== '').join('\n\n');
}

const generated =
  '<!-- Written by scripts/reference.ts from the sources. Change those, then: npm run reference -->';

function page(title: string, about: string, declarations: Declaration[]): string {
  const things = declarations.filter(({ kind }) => kind !== 'interface' && kind !== 'type');
  const types = declarations.filter(({ kind }) => kind === 'interface' || kind === 'type');
  return [
    generated,
    `# ${title}`,
    about,
    '## Functions and classes',
    ...things.map(section),
    '## Types',
    ...types.map(section),
    '',
  ].join('\n\n');
}

/** Node-RED's help as Markdown: it knows paragraphs, headings, lists of properties and of outputs. */
function helpAsMarkdown(html: string): string {
  return html
    .replaceAll(/<\/?script[^>]*>/g, '')
    .replaceAll(/^ +/gm, '')
    .replaceAll(/<\/?(?:code|tt)>/g, '`')
    .replaceAll(/<\/?b>/g, '**')
    .replaceAll(/<\/?i>/g, '*')
    .replaceAll(
      /<dt( class="optional")?>(.*?)(?: <span class="property-type">(.*?)<\/span>)?<\/dt>\n<dd>(.*?)<\/dd>/g,
      (_match, optional, name, type, meaning) =>
        `- **${name}**${type ? ` (${type}${optional ? ', optional' : ''})` : optional ? ' (optional)' : ''}: ${meaning}`,
    )
    .replaceAll(/<li>(.*)/g, '\n#### Output: $1\n')
    .replaceAll(/<\/(?:li|dl|ol)>|<(?:dl|ol)[^>]*>/g, '')
    .replaceAll(/<h3>(.*?)<\/h3>/g, '\n### $1\n')
    .replaceAll(/<\/?p>/g, '\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}

function nodesPage(): string {
  const { 'node-red': nodeRed } = JSON.parse(read('package.json')) as { 'node-red': { nodes: object } };
  const nodes = Object.keys(nodeRed.nodes).map((type) => {
    const help = read('nodes', type, 'locales', 'en-US', `${type}.html`);
    return `## ${type}\n\n${helpAsMarkdown(help)}`;
  });
  return [
    generated,
    '# The nodes',
    'The help that the editor shows, in one place. What their messages have in common: [Messages](../messages.md).',
    ...nodes,
    '',
  ].join('\n\n');
}

/** Everything that has no entry point of its own. */
function rootPage(): string {
  const files = ['errors', 'pattern', 'health/health-monitor'];
  const about = `\`${packageName}\` exports all of [audio](audio.md), [bridge](bridge.md), [storage](storage.md) and [pipelines](pipelines.md), and this:`;
  return page(packageName, about, files.flatMap(declarationsIn));
}

const figuresBegin = "<!-- Written by scripts/reference.ts from the encoder's card: npm run reference -->\n";
const figuresEnd = '<!-- The end of what is written from the card. -->\n';

/** The encoder's card speaks to people who know the trade; the README takes one figure of each set from it. */
function figures(): string {
  const card = read('python-bridge', 'encoders', 'earmark-small', 'README.md');
  const rows = [...card.matchAll(/^\| (.*) \|$/gm)].map(([, cells]) => cells!.split(' | '));
  const column = rows.find(([first]) => first === 'set')?.indexOf('few-shot') ?? -1;
  const sets = rows.flatMap(([set, ...values], index) => {
    if (set === 'set' || set!.startsWith('-')) return [];
    const floor = rows.slice(index + 1).find(([name]) => name === '- floor');
    return [[set!, percent(values[column - 1]), percent(floor?.[column])].join(' | ')];
  });
  return [
    '| | with the encoder | by plain spectra |',
    '|---|---|---|',
    ...sets.map((set) => `| ${set} |`),
  ].join('\n');
}

function percent(share: string | undefined): string {
  if (!(Number(share) > 0)) throw new Error("The encoder's card has no column few-shot that can be read.");
  return `${Math.round(100 * Number(share))} %`;
}

function readmePage(): string {
  const [before, rest] = read('README.md').split(figuresBegin) as [string, string];
  return `${before}${figuresBegin}\n${figures()}\n\n${figuresEnd}${rest.split(figuresEnd)[1]}`;
}

/** The pages, relative to the root, that are written from the sources, in whole or in part. */
export async function writtenPages(): Promise<Map<string, string>> {
  await build();
  const pages = new Map([
    ['nodes.md', nodesPage()],
    ['package.md', rootPage()],
  ]);
  for (const { page: name, file, title, about } of entryPoints)
    pages.set(name, page(title, about, publicDeclarations(file)));
  const reference = [...pages].map(([name, text]) => {
    const tidied = text.replaceAll(/\n{3,}/g, '\n\n').replace(/\n*$/, '\n');
    return [`docs/reference/${name}`, tidied] as const;
  });
  return new Map([...reference, ['README.md', readmePage()]]);
}

if (process.argv[1] === import.meta.filename) {
  mkdirSync(path.join(root, 'docs', 'reference'), { recursive: true });
  for (const [name, text] of await writtenPages()) writeFileSync(path.join(root, name), text);
}
