import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readLabel } from '../../nodes/earmark-memory/admin-requests.ts';
import { typedLabel } from '../../nodes/sounds/editor/label-text.ts';

const folder = path.join(import.meta.dirname, '..', '..', 'nodes', 'sounds');
const languages = ['de', 'es-ES', 'fr', 'ja', 'zh-CN'];

type Texts = Record<string, Record<string, string>>;
const read = (language: string): Texts =>
  JSON.parse(readFileSync(path.join(folder, 'locales', language, 'sounds.json'), 'utf8'));
const flat = (texts: Texts): Map<string, string> =>
  new Map(
    Object.entries(texts).flatMap(([group, own]) =>
      Object.entries(own).map(([key, text]) => [`${group}.${key}`, text] as const),
    ),
  );
const english = flat(read('en-US'));

describe("the sidebar's texts", () => {
  test.each(languages)('are complete in %s, with the same places to fill in', (language) => {
    const texts = flat(read(language));
    expect([...texts.keys()]).toEqual([...english.keys()]);
    for (const [key, text] of texts) {
      expect(text.trim(), key).not.toBe('');
      const places = (of: string) => [...new Set(of.match(/__\w+?__/g))].sort();
      expect(places(text), key).toEqual(places(english.get(key) as string));
    }
  });

  test('there is one for every key in the code, and code for every one', () => {
    const code = [
      'sounds.editor.ts',
      ...readdirSync(path.join(folder, 'editor')).map((name) => `editor/${name}`),
    ]
      .map((name) => readFileSync(path.join(folder, name), 'utf8'))
      .join('\n');
    const keys = [...code.matchAll(/'([a-z]+\.[a-z][a-z-]*)'/g)].map(([, key]) => key as string);
    const groups = new Set([...english.keys()].map((key) => key.split('.')[0]));
    const asked = keys.filter((key) => groups.has(key.split('.')[0] as string));
    expect(asked.filter((key) => !english.has(key))).toEqual([]);
    // Keys that are put together: `tab.${key}`, `map.${phase}` and the like.
    const composed = new Set([...code.matchAll(/`([a-z]+)\.\$\{/g)].map(([, group]) => group));
    const helps = (key: string) => key.endsWith('-help') && english.has(key.slice(0, -5));
    const unused = [...english.keys()].filter((key) => {
      return !asked.includes(key) && !composed.has(key.split('.')[0]) && !helps(key);
    });
    expect(unused).toEqual([]);
  });
});

// Otherwise the sidebar would not see that a name is there already, and join two labels without asking.
test.each(['  front \u3000 door', 'Glocke e\u0301'])(
  'a typed label is the one that is stored: %s',
  (typed) => {
    expect(typedLabel((key) => key, typed)).toBe(readLabel(typed));
  },
);
