import { backgroundLabel } from '../../../src/recognition/background-label.ts';
import type { SoundSelection } from '../../../src/sounds/sound-answers.ts';
import { button, element } from './dom.ts';
import { countText } from './figures.ts';
import { labelField } from './label-field.ts';
import { labelText } from './label-text.ts';
import type { SidebarContext } from './sidebar-context.ts';

const shownRefusals = 3;

/** What is selected. */
export interface Selected {
  sounds: number;
  selection: SoundSelection;
  /** What the sounds are called or are like; once for each sound. */
  labels: () => string[];
}

/** What can be done with several sounds at once; hidden while none is selected. */
export class SelectionBar {
  readonly element = element('div', { class: 'earmark-selection', hidden: true });
  readonly #context: SidebarContext;
  readonly #selection: () => Selected;
  readonly #clear: () => void;

  constructor(context: SidebarContext, selection: () => Selected, clear: () => void) {
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
      this.#offerRefusals();
      return;
    }
    this.element.append(
      element('span', { class: 'earmark-selection-count' }, count),
      labelField(this.#context, {
        value: '',
        name: text('selection.label'),
        done: (label) => this.#run((selection) => this.#context.label(selection, label)),
      }),
      button({ icon: 'volume-off', title: text('selection.background') }, () =>
        this.#run((selection) => this.#context.label(selection, backgroundLabel)),
      ),
      button({ icon: 'trash-o', title: text('selection.delete') }, () =>
        this.#run((selection) => this.#context.remove(selection)),
      ),
      button({ icon: 'times', title: text('selection.clear') }, this.#clear),
    );
    this.#offerRefusals();
  }

  /** What the selected sounds can be said not to be, the commonest first. */
  get refusable(): string[] {
    const counts = new Map<string, number>();
    for (const label of this.#selection().labels()) counts.set(label, (counts.get(label) ?? 0) + 1);
    return [...counts].sort(([, one], [, other]) => other - one).map(([label]) => label);
  }

  #offerRefusals(): void {
    const { text } = this.#context;
    for (const old of this.element.querySelectorAll('.earmark-refuse')) old.remove();
    for (const label of this.refusable.slice(0, shownRefusals)) {
      const name = { label: labelText(text, label) };
      const content = { icon: 'ban', text: text('sound.not', name), title: text('selection.refuse', name) };
      const refuse = () => this.#run((selection) => this.#context.refuse(selection, label));
      this.element.append(button({ ...content, class: 'earmark-offer earmark-refuse' }, refuse));
    }
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
