import { button, element } from './dom.ts';
import type { SidebarContext } from './sidebar-context.ts';

/** Why nothing can be shown, and what to do: there is no memory, or the one that is chosen does not open. */
export function noMemory({ text, closed }: SidebarContext): HTMLElement[] {
  const paragraph = (words: string) => element('p', {}, words);
  if (!closed)
    return [paragraph(text('empty.no-memory')), paragraph(text('empty.no-memory-help')), examples(text)];
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
export function examples(text: SidebarContext['text']): HTMLButtonElement {
  return button({ icon: 'download', text: text('empty.examples') }, () => {
    RED.actions.invoke('core:show-examples-import-dialog');
  });
}
