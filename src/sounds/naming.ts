import type { PatternMetadata } from '../pattern.ts';
import { refusedLabels } from '../storage/refused-labels.ts';

/** What a sound is called, and what it was said not to be. */
export type Naming = Pick<PatternMetadata, 'label' | 'notLabel'>;

/** A label as it is stored, however it is typed: one form of Unicode, single blanks. */
export function tidyLabel(typed: string): string {
  return typed.normalize('NFC').replaceAll(/\s+/g, ' ').trim();
}

export function namingOf({ label, notLabel }: PatternMetadata): Naming {
  return { ...(label !== undefined && { label }), ...(notLabel !== undefined && { notLabel }) };
}

/** Nothing is at once said to be something and not to be it. */
export function naming(label: string | undefined, refused: string[]): Naming {
  const not = [...new Set(refused)].filter((other) => other !== label);
  const [only, ...more] = not;
  return {
    ...(label !== undefined && { label }),
    ...(only !== undefined && { notLabel: more.length === 0 ? only : not }),
  };
}

export function isSameNaming(one: Naming, other: Naming): boolean {
  const [a, b] = [refusedLabels(one), refusedLabels(other)];
  return one.label === other.label && a.length === b.length && a.every((label, i) => label === b[i]);
}
