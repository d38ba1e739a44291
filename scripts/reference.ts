// `npm run reference`: writes docs/reference/ from the types of the package's entry points and from the nodes' help, and
// the README's figures from the encoder's card.
// tests/documentation/reference.test.ts fails when the pages and their sources have drifted apart.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from './build.mjs';
import { type Declaration, declarationsIn, publicDeclarations } from './declarations.ts';

const root = path.dirname(import.meta.dirname);
const packageName = '@earmark/node-red-sound-memory';

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

/** What the page offers, at a glance: a line each, up to the end of the first sentence. */
function overview(declarations: readonly Declaration[]): string {
  const rows = declarations.map(({ name, comment }) => {
    const [paragraph] = prose(comment).split('\n\n') as [string];
    const sentence = /^[\s\S]*?[.:;](?=\s|$)/.exec(paragraph)?.[0] ?? paragraph;
    return `| [${name}](#${name.toLowerCase()}) | ${sentence.replaceAll('\n', ' ').replaceAll('|', '\\|').replace(/[:;]$/, '.')} |`;
  });
  return ['| | |', '|---|---|', ...rows].join('\n');
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
    overview(things),
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
    const name = type.slice('earmark-'.length);
    const dialog = `<img src="../images/dialog-${name}.png" width="300" alt="The dialog of ${name}">`;
    return `## ${type}\n\n${helpAsMarkdown(help)}\n\n${dialog}`;
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

/**
 * The encoder's card speaks to people who know the trade; the README takes one figure of each set from it, beside that
 * of the floor.
 */
function figures(): string {
  const card = read('python-bridge', 'encoders', 'earmark-small', 'README.md');
  const rows = [...card.matchAll(/^\| (.*) \|$/gm)].map(([, cells]) => cells!.split(' | '));
  const column = rows.find(([first]) => first === 'set')?.indexOf('few-shot') ?? -1;
  const sets: string[] = [];
  let set: string[] | undefined;
  for (const row of rows) {
    if (row[0] === '- floor' && set !== undefined)
      sets.push([set[0], percent(set[column]), percent(row[column])].join(' | '));
    else if (!row[0]!.startsWith('-')) set = row;
  }
  if (sets.length === 0) throw new Error("The encoder's card has no set with a floor.");
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
