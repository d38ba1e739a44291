import { button, element } from './dom.ts';
import { labelText, typedLabel } from './label-text.ts';
import type { SidebarContext } from './sidebar-context.ts';

export const labelListId = 'earmark-sounds-labels';

/**
 * A field for a label, with the known ones to choose from. Enter or the button takes the text, Escape calls
 * `cancel`; focus that goes elsewhere cancels too.
 */
export function labelField(
  { text }: SidebarContext,
  options: { value: string; name: string; done(label: string): void; cancel?(): void },
): HTMLElement {
  const input = element('input', {
    type: 'text',
    list: labelListId,
    maxlength: 200,
    'aria-label': options.name,
    placeholder: text('label.placeholder'),
    autocomplete: 'off',
    spellcheck: 'false',
  });
  input.value = labelText(text, options.value);
  let taken = false;
  const take = () => {
    taken = true;
    options.done(typedLabel(text, input.value));
  };
  const field = element(
    'span',
    { class: 'earmark-label-field' },
    input,
    button({ icon: 'check', title: text('label.set') }, take),
  );
  field.addEventListener('keydown', (event) => {
    // The list around it and Node-RED have keys of their own.
    event.stopPropagation();
    if (event.key === 'Enter' && event.target === input) {
      event.preventDefault();
      take();
    } else if (event.key === 'Escape') options.cancel?.();
  });
  field.addEventListener('focusout', (event) => {
    // A field that is taken off the page after its text was taken loses the focus too.
    if (!taken && !field.contains(event.relatedTarget as Node | null)) options.cancel?.();
  });
  return field;
}
