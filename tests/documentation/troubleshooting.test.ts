import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { NodeError } from '../../nodes/node-error.ts';
import { AudioError } from '../../src/audio/audio-error.ts';
import { BridgeError } from '../../src/bridge/bridge-error.ts';
import type { EarmarkError } from '../../src/errors.ts';
import { EvaluationError } from '../../src/evaluation/evaluation-error.ts';
import { SoundError } from '../../src/sounds/sound-error.ts';
import { StorageError } from '../../src/storage/storage-error.ts';
import { pageText, root } from './pages.ts';

const errors: Record<string, new (code: never, message: string) => EarmarkError> = {
  AudioErrorCode: AudioError,
  BridgeErrorCode: BridgeError,
  EvaluationErrorCode: EvaluationError,
  NodeErrorCode: NodeError,
  SoundErrorCode: SoundError,
  StorageErrorCode: StorageError,
};

/** Every closed set of codes in the sources, by its name. */
function closedSets(): Map<string, string[]> {
  const sources = ['src', 'nodes'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(path.join(root, folder, name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')),
  );
  const unions = sources.flatMap((text) => [...text.matchAll(/^export type (\w+ErrorCode) =([^;]*);/gm)]);
  return new Map(unions.map(([, name, members]) => [name!, quoted(members!)]));
}

function quoted(text: string): string[] {
  return [...text.matchAll(/['"]([A-Z_]+)['"]/g)].map(([, code]) => code!);
}

interface Row {
  code: string;
  again: string;
  fix: string;
}

/** The tables of the page by the set that their headings name. */
function documented(): Map<string, Row[]> {
  const sections = pageText('docs/troubleshooting.md').split(/^## /m);
  return new Map(
    sections.flatMap((section) => {
      const set = /^.*\(`(\w+)`\)/.exec(section)?.[1];
      if (set === undefined) return [];
      const rows = section.matchAll(/^\| `([A-Z_]+)` \| (\w+) \| .+? \| (.+) \|$/gm);
      return [
        [set, [...rows].map(([, code, again, fix]) => ({ code: code!, again: again!, fix: fix! }))] as const,
      ];
    }),
  );
}

describe('the page on what is wrong', () => {
  const sets = closedSets();
  const page = documented();

  it('has each closed set of codes', () => {
    expect([...sets.keys()].sort()).toEqual(Object.keys(errors).sort());
    expect([...page.keys()].sort()).toEqual(Object.keys(errors).sort());
  });

  it.for(Object.keys(errors))('has each %s, says whether trying again helps, and what to do', (set) => {
    const rows = page.get(set)!;
    expect(rows.map(({ code }) => code).sort()).toEqual(sets.get(set)!.toSorted());
    for (const { code, again, fix } of rows) {
      expect(again, code).toBe(new errors[set]!(code as never, '').retryable ? 'yes' : 'no');
      expect(fix.length, code).toBeGreaterThan(5);
    }
  });

  it('explains each status that says that something is not as it should be', () => {
    const { status } = JSON.parse(pageText('nodes/locales/en-US.json')) as { status: Record<string, string> };
    const explained = [...pageText('docs/troubleshooting.md').matchAll(/^\| \*(.+?)\* \|/gm)].map(
      ([, said]) => said!,
    );
    for (const text of Object.values(status).filter((said) => said !== 'ready')) {
      const pattern = new RegExp(`^${text.replaceAll(/__\w+__/g, '(?:\\d+|CODE)')}$`);
      expect(
        explained.some((said) => pattern.test(said)),
        text,
      ).toBe(true);
    }
  });

  it('has the codes of the Python server', () => {
    const source = readFileSync(path.join(root, 'python-bridge', 'earmark_bridge', 'errors.py'), 'utf8');
    const codes = quoted(/^ErrorCode = Literal\[([^\]]*)\]/m.exec(source)![1]!);
    expect(codes.length).toBeGreaterThan(10);
    expect(page.get('BridgeErrorCode')!.map(({ code }) => code)).toEqual(expect.arrayContaining(codes));
    const protocol = pageText('docs/protocol.md')
      .split(/^## /m)
      .find((section) => section.startsWith('Errors\n'))!;
    expect([...protocol.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code).sort()).toEqual(
      codes.sort(),
    );
  });
});
