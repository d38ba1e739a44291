import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const nodes = path.join(path.dirname(path.dirname(import.meta.dirname)), 'nodes');
const languages = ['de', 'es-ES', 'fr', 'ja', 'zh-CN'];
const types = readdirSync(nodes).filter((name) => name.startsWith('earmark-'));

/** Every text of a catalogue by its full key. */
function texts(file: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (value: unknown, key: string) => {
    if (typeof value === 'string') found.set(key, value);
    else
      for (const [name, inner] of Object.entries(value as object))
        walk(inner, key === '' ? name : `${key}.${name}`);
  };
  walk(JSON.parse(readFileSync(path.join(nodes, file), 'utf8')), '');
  return found;
}

const slots = (text: string) => [...text.matchAll(/__\w+__/g)].map(([slot]) => slot).sort();
const catalogues = (language: string) => [
  path.join('locales', `${language}.json`),
  ...types.map((type) => path.join(type, 'locales', language, `${type}.json`)),
];

describe('the texts', () => {
  it.each(languages)('are complete in %s, with the same places to fill', (language) => {
    const translated = catalogues(language);
    for (const [index, file] of catalogues('en-US').entries()) {
      expect(existsSync(path.join(nodes, translated[index]!)), translated[index]).toBe(true);
      const english = texts(file);
      const other = texts(translated[index]!);
      expect([...other.keys()].sort(), translated[index]).toEqual([...english.keys()].sort());
      for (const [key, text] of english) {
        expect(other.get(key)!.trim(), `${translated[index]} ${key}`).not.toBe('');
        expect(slots(other.get(key)!), `${translated[index]} ${key}`).toEqual(slots(text));
      }
    }
  });

  it.each(languages)(
    'has a help page for each node in %s, with the same parts and the same names of properties',
    (language) => {
      for (const type of types) {
        const page = (of: string) =>
          readFileSync(path.join(nodes, type, 'locales', of, `${type}.html`), 'utf8');
        const all = (html: string, pattern: RegExp) => [...html.matchAll(pattern)].map(([, part]) => part!);
        const english = page('en-US');
        const translated = page(language);
        expect(translated).toMatch(new RegExp(`^<script type="text/html" data-help-name="${type}">`));
        for (const pattern of [/<(\/?\w+)[ >]/g, /<dt[^>]*>(.*?)<\/dt>/g]) {
          const parts = (html: string) => all(html.replaceAll(/<\/?(?:code|b|i)>/g, ''), pattern);
          expect(parts(translated), `${type} in ${language}`).toEqual(parts(english));
        }
        const codes = (html: string) => all(html, /<code>(.*?)<\/code>/g).sort();
        expect(codes(translated), `${type} in ${language}`).toEqual(codes(english));
        const sentences = (html: string) => all(html, /<(?:p|dd)>(.*?)<\/(?:p|dd)>/g);
        const untouched = sentences(translated).filter((sentence) => sentences(english).includes(sentence));
        expect(untouched, `${type} in ${language}`).toEqual([]);
      }
    },
  );

  it('has no page for a language that is not whole', () => {
    for (const type of types) {
      const folders = readdirSync(path.join(nodes, type, 'locales')).sort();
      expect(folders, type).toEqual(['en-US', ...languages].sort());
    }
  });

  it('are all there in English, and each of them is used', () => {
    const shared = texts(path.join('locales', 'en-US.json'));
    const used = new Set<string>();
    for (const type of types) {
      const own = texts(path.join(type, 'locales', 'en-US', `${type}.json`));
      const code = [
        ...readdirSync(path.join(nodes, type), { recursive: true, encoding: 'utf8' })
          .filter((name) => /\.(ts|html)$/.test(name) && !name.startsWith('locales'))
          .map((name) => path.join(type, name)),
        ...readdirSync(nodes).filter((name) => name.endsWith('.ts')),
        path.join('editor', 'number-between.ts'),
        path.join('editor', 'form.ts'),
      ]
        .map((name) => readFileSync(path.join(nodes, name), 'utf8'))
        .join('\n');
      const asked = [...code.matchAll(/data-i18n="(?:\[\w+\])?([\w.-]+)"/g)].map(([, key]) => key!);
      for (const key of asked) {
        if (own.has(key)) continue;
        expect(shared.has(key), `${type}: ${key}`).toBe(true);
        used.add(key);
      }
      for (const key of own.keys()) {
        // A page of its own is given its words without the group's name.
        const name = key.replace(/^page\./, '');
        expect(
          code.includes(key) || code.includes(`'${name}'`) || code.includes(`words.${name}`),
          `${type}: ${key} is used`,
        ).toBe(true);
      }
      for (const key of shared.keys()) {
        if (code.includes(key) || key.startsWith('invalid.')) used.add(key);
      }
    }
    expect([...shared.keys()].filter((key) => !used.has(key))).toEqual([]);
  });

  it('keep status texts short enough to read under a node', () => {
    for (const language of ['en-US', ...languages]) {
      for (const file of catalogues(language)) {
        for (const [key, text] of texts(file)) {
          if (key.startsWith('status.'))
            expect(text.replace(/__\w+__/g, '').length, `${file} ${key}`).toBeLessThan(25);
        }
      }
    }
  });
});
