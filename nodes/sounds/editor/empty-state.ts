import { button, element } from './dom.ts';
import type { SidebarContext, Translate } from './sidebar-context.ts';

/** What there is nothing of, and what to do: the texts `key` and `key-help`. */
export function emptyState(text: Translate, key: string): HTMLElement[] {
  return [element('p', {}, text(key)), element('p', {}, text(`${key}-help`))];
}

/** Why nothing can be shown, and what to do: there is no memory, or the one that is chosen does not open. */
export function noMemory({ text, closed }: SidebarContext): HTMLElement[] {
  if (!closed) return [...emptyState(text, 'empty.no-memory'), examples(text)];
  const paragraph = (words: string) => element('p', {}, words);
  const { id, name, problem } = closed;
  const settings = button({ icon: 'pencil', text: text('empty.settings') }, () => {
    void RED.editor.editConfig('', 'earmark-memory', id, '');
  });
  return [
    paragraph(text('empty.not-open', { memory: name })),
    paragraph(problem.message),
    paragraph(text(problem.retryable ? 'empty.not-open-retry' : 'empty.not-open-help')),
    settings,
  ];
}

/** Leads to the flows that show how it is done. */
export function examples(text: Translate): HTMLButtonElement {
  return button({ icon: 'download', text: text('empty.examples') }, () => {
    RED.actions.invoke('core:show-examples-import-dialog');
  });
}
