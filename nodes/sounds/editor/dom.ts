type Attributes = Record<string, string | number | boolean | undefined>;

/** An element with attributes and children; an attribute that is `false` or `undefined` is left out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children);
  return made;
}

export function icon(name: string): HTMLElement {
  return element('i', { class: `fa fa-${name}`, 'aria-hidden': 'true' });
}

/** A small button in Node-RED's own look. Without visible text it needs a `title`, which names it too. */
export function button(
  content: { icon?: string; text?: string; title?: string; class?: string },
  onClick: (event: MouseEvent) => void,
): HTMLButtonElement {
  const made = element('button', {
    type: 'button',
    class: `red-ui-button red-ui-button-small ${content.class ?? ''}`.trim(),
    title: content.title,
    'aria-label': content.text === undefined ? content.title : undefined,
  });
  if (content.icon) made.append(icon(content.icon));
  if (content.text !== undefined) made.append(content.icon ? ` ${content.text}` : content.text);
  made.addEventListener('click', onClick);
  return made;
}
