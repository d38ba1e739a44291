import { element } from './dom.ts';

/** Facts in a line, with a dot between two of them. Only whole facts wrap, and no line begins or ends with a dot. */
export function factLine(facts: string[]): HTMLElement[] {
  return facts.map((fact, i) =>
    element(
      'span',
      { class: 'earmark-fact' },
      element('span', { class: 'earmark-fact-mark' }, i === 0 ? '' : ' · '),
      fact,
    ),
  );
}
