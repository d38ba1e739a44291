import { element } from './dom.ts';
import { numberText } from './figures.ts';
import { labelDot, unlabelledDot } from './label-colour.ts';
import { labelText } from './label-text.ts';
import type { SidebarContext } from './sidebar-context.ts';

const mostLabels = 40;

/** The colours of the map; a click on one leaves only its sounds coloured. */
export class MapLegend {
  readonly element = element('ul', { class: 'earmark-legend' });
  readonly #context: SidebarContext;
  readonly #changed: () => void;
  #only = -1;
  #unlabelled = 0;

  constructor(context: SidebarContext, changed: () => void) {
    this.#context = context;
    this.#changed = changed;
  }

  /** The number of the only label that is coloured; -1 for all. */
  get only(): number {
    return this.#only;
  }

  reset(): void {
    this.#only = -1;
    this.element.replaceChildren();
  }

  /** `unlabelled` sounds are on the map without a name. */
  draw(unlabelled = this.#unlabelled): void {
    this.#unlabelled = unlabelled;
    // A button that is pressed just now must not be another one when it is let go.
    if (this.element.querySelector('button:active')) return;
    const { labels, text } = this.#context;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.label;
    this.element.replaceChildren(
      ...labels.slice(0, mostLabels).map(({ label, number, sounds }) => {
        const name = labelText(text, label);
        const button = element(
          'button',
          {
            type: 'button',
            class: 'earmark-label-button',
            'aria-pressed': String(this.#only === number),
            title: text('map.only', { label: name }),
            'data-label': label,
          },
          labelDot(number),
          `${name} ${numberText(sounds)}`,
        );
        button.addEventListener('click', () => {
          this.#only = this.#only === number ? -1 : number;
          this.draw();
          this.#changed();
        });
        return element('li', {}, button);
      }),
    );
    if (unlabelled > 0) {
      const words = `${text('sound.nameless')} ${numberText(unlabelled)}`;
      this.element.append(element('li', { class: 'earmark-legend-unlabelled' }, unlabelledDot(), words));
    }
    for (const button of this.element.querySelectorAll('button'))
      if (button.dataset.label === focused) button.focus();
  }
}
