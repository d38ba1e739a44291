// Reads what a source file exports, for the reference (scripts/reference.ts).
//
// Interfaces and types stand as they are written in `src/`; functions and classes as the compiler declares them in
// `dist/`, without their bodies. Both are formatted by a program (Biome, tsc), so that a declaration begins at the
// start of a line and ends with the first `}` or `;` that does not stand inside it.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);

export interface Declaration {
  name: string;
  kind: 'function' | 'class' | 'interface' | 'type' | 'const';
  /** The text of its documentation comment. */
  comment: string;
  code: string;
  /** Relative to `src/`, without the ending. */
  file: string;
}

const read = (...parts: string[]) => readFileSync(path.join(root, ...parts), 'utf8');

/** The exported declarations of one file; `dist/` has to be built. */
export function declarationsIn(file: string): Declaration[] {
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

/** Everything that an entry point exports, in its order. */
export function publicDeclarations(entry: string): Declaration[] {
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
