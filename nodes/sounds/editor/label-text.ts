import { backgroundLabel } from '../../../src/recognition/background-label.ts';
import { tidyLabel } from '../../../src/sounds/naming.ts';
import type { Translate } from './sidebar-context.ts';

/** A label as people read it: that of background noise, which recognition knows by its word, in their language. */
export function labelText(text: Translate, label: string): string {
  return label === backgroundLabel ? text('label.background') : label;
}

/** The label that somebody has typed. */
export function typedLabel(text: Translate, typed: string): string {
  const label = tidyLabel(typed);
  const isBackground = label.toLocaleLowerCase() === text('label.background').toLocaleLowerCase();
  return isBackground ? backgroundLabel : label;
}
