import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');

const inDocs = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name.replaceAll(path.sep, '/')}`)
  .sort();

/** Every page that a user reads, relative to the root. */
export const pages = ['README.md', 'CHANGELOG.md', 'python-bridge/README.md', ...inDocs];

export interface Block {
  page: string;
  /** Of the fence; 1 is the page's first. */
  line: number;
  /** Empty where the fence names none. */
  language: string;
  code: string;
}

export function pageText(page: string): string {
  return readFileSync(path.join(root, page), 'utf8');
}

export function blocksOf(page: string): Block[] {
  const text = pageText(page);
  // One inside a list is indented with it.
  return [...text.matchAll(/^( *)```(.*)\n([\s\S]*?)^\1```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    language: match[2]!,
    code: match[3]!.replaceAll(new RegExp(`^${match[1]}`, 'gm'), ''),
  }));
}

function withoutBlocks(page: string): string {
  return pageText(page).replaceAll(/^( *)```.*\n[\s\S]*?^\1```$/gm, '');
}

/** The addresses that a page links to and the pictures that it shows, without those on other machines. */
export function linksOf(page: string): string[] {
  const text = withoutBlocks(page);
  const found = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/(?:src|href)="([^"]+)"/g)];
  return found.map((match) => match[1]!).filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): string[] {
  const headings = withoutBlocks(page).matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}
