import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { anchorsOf, linksOf, pages, pageText, root } from './pages.ts';

it('leads only to pages, headings and pictures that exist', () => {
  const missing = pages.flatMap((page) =>
    linksOf(page)
      .filter((target) => {
        const [file, anchor] = target.split('#') as [string, string?];
        const linked = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
        if (!existsSync(path.join(root, linked))) return true;
        return anchor !== undefined && linked.endsWith('.md') && !anchorsOf(linked).includes(anchor);
      })
      .map((target) => `${page} → ${target}`),
  );
  expect(missing).toEqual([]);
});

it('shows every picture that is kept', () => {
  const shown = pages.flatMap((page) => linksOf(page).map((target) => path.posix.basename(target)));
  const pictures = readdirSync(path.join(root, 'docs', 'images'));
  expect(pictures.filter((name) => !shown.includes(name))).toEqual([]);
});

it('shows each step of the first minute in the README', () => {
  const steps = readdirSync(path.join(root, 'docs', 'images')).filter((name) => name.startsWith('newcomer-'));
  expect(steps).toHaveLength(4);
  expect(linksOf('README.md')).toEqual(expect.arrayContaining(steps.map((name) => `docs/images/${name}`)));
});

it('can be reached from the index of docs/, page by page', () => {
  const reached = new Set<string>();
  const follow = (page: string) => {
    if (reached.has(page) || !pages.includes(page)) return;
    reached.add(page);
    for (const target of linksOf(page))
      follow(path.posix.join(path.posix.dirname(page), target.split('#')[0]!));
  };
  follow('docs/README.md');
  expect(pages.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
});

it('presses only buttons that the flow has', () => {
  const guides = pages.flatMap((page) => {
    const flow = linksOf(page).find((target) => page.startsWith('docs/guides/') && target.endsWith('.json'));
    return flow === undefined ? [] : [{ page, flow: path.posix.join(path.posix.dirname(page), flow) }];
  });
  expect(guides.length).toBeGreaterThan(5);
  for (const { page, flow } of guides) {
    const nodes = JSON.parse(pageText(flow)) as { type: string; name?: string }[];
    const buttons = nodes.filter(({ type }) => type === 'inject').map(({ name }) => name);
    const presses =
      pageText(page)
        .match(/\bPress [^:.]*/g)
        ?.join() ?? '';
    for (const [, button] of presses.matchAll(/\*(.+?)\*/g))
      expect(buttons, page).toContain(button!.replaceAll('\n', ' '));
  }
});
