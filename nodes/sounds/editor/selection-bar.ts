import type { SoundSelection } from '../../../src/sounds/sound-answers.ts';
import { button, element } from './dom.ts';
import { labelField } from './label-field.ts';
import { countText, type SidebarContext } from './sidebar-context.ts';

/** What can be done with several sounds at once; hidden while none is selected. */
export class SelectionBar {
  readonly element = element('div', { class: 'earmark-selection', hidden: true });
  readonly #context: SidebarContext;
  readonly #selection: () => { sounds: number; selection: SoundSelection };
  readonly #clear: () => void;

  constructor(
    context: SidebarContext,
    selection: () => { sounds: number; selection: SoundSelection },
    clear: () => void,
  ) {
    this.#context = context;
    this.#selection = selection;
    this.#clear = clear;
  }

  /** Shows how many are selected now. */
  update(): void {
    const { sounds } = this.#selection();
    const { text } = this.#context;
    this.element.hidden = sounds === 0;
    if (sounds === 0) {
      this.element.replaceChildren();
      return;
    }
    const count = text('selection.count', { sounds: countText(text, sounds) });
    const shown = this.element.querySelector('.earmark-selection-count');
    if (shown) {
      shown.textContent = count;
      return;
    }
    this.element.append(
      element('span', { class: 'earmark-selection-count' }, count),
      labelField(this.#context, {
        value: '',
        name: text('selection.label'),
        done: (label) => this.#run((selection) => this.#context.label(selection, label)),
      }),
      button({ icon: 'trash-o', title: text('selection.delete') }, () =>
        this.#run((selection) => this.#context.remove(selection)),
      ),
      button({ icon: 'times', title: text('selection.clear') }, this.#clear),
    );
  }

  focus(): void {
    this.element.querySelector('input')?.focus();
  }

  /** What is selected next, while the server still works, is another selection. */
  #run(action: (selection: SoundSelection) => Promise<void>): void {
    const { selection } = this.#selection();
    this.#clear();
    void action(selection);
  }
}
