import { searchWord } from '../../../src/sounds/search-text.ts';
import { button, element } from './dom.ts';
import { emptyState, noMemory } from './empty-state.ts';
import { factLine } from './fact-line.ts';
import { countText, timeText } from './figures.ts';
import { labelDot } from './label-colour.ts';
import { labelField } from './label-field.ts';
import { labelText } from './label-text.ts';
import type { SidebarContext, SidebarView } from './sidebar-context.ts';
import type { LabelSummary } from './sounds-api.ts';

/** The labels in use: show, rename, merge. */
export class LabelsView implements SidebarView {
  readonly element = element('div', { class: 'earmark-view' });
  readonly #context: SidebarContext;
  readonly #list = element('ul', { class: 'earmark-scroll earmark-labels' });
  readonly #empty = element('div', { class: 'earmark-empty', hidden: true });
  /** Somebody is typing a new name, or is asked about it: news must wait. */
  #editing = false;

  constructor(context: SidebarContext) {
    this.#context = context;
    this.#list.addEventListener('pointerleave', () => void this.refresh());
    // The focus is still where it was.
    this.#list.addEventListener('focusout', () => window.setTimeout(() => void this.refresh()));
    this.element.append(this.#empty, this.#list);
  }

  reset(): void {
    this.#editing = false;
    this.#list.replaceChildren();
  }

  /** What the pointer or the keyboard is on stays there until these leave. */
  async refresh(): Promise<void> {
    if (!this.#editing && !this.#list.querySelector('li:hover, :focus-visible')) this.#draw();
  }

  #draw(): void {
    const { labels, text, api } = this.#context;
    this.#empty.hidden = labels.length > 0;
    this.#list.hidden = labels.length === 0;
    this.#empty.replaceChildren(...(api ? emptyState(text, 'empty.no-labels') : noMemory(this.#context)));
    this.#list.replaceChildren(...labels.map((label, i) => this.#row(label, i)));
  }

  #row({ label, number, sounds, lastHeard }: LabelSummary, place: number): HTMLElement {
    const { text, canWrite } = this.#context;
    const row = element('li', {});
    const name = labelText(text, label);
    const show = element(
      'button',
      { type: 'button', class: 'earmark-label-button', title: text('labels.show') },
      labelDot(number),
      name,
    );
    show.addEventListener('click', () => this.#context.search(searchWord('label', label)));
    const facts = [countText(text, sounds), text('labels.last', { time: timeText(lastHeard) })];
    if (canWrite && place < 9) facts.push(text('labels.key', { key: place + 1 }));
    row.append(
      element(
        'div',
        { class: 'earmark-label-words' },
        show,
        element('div', { class: 'earmark-sound-facts' }, ...factLine(facts)),
      ),
    );
    if (canWrite) {
      row.append(
        button({ icon: 'pencil', title: text('labels.rename', { label: name }) }, () =>
          this.#rename(row, label),
        ),
      );
    }
    return row;
  }

  #rename(row: HTMLElement, label: string): void {
    const { text } = this.#context;
    const field = labelField(this.#context, {
      value: label,
      name: text('labels.new-name', { label: labelText(text, label) }),
      done: (to) => {
        if (to === '' || to === label) return void this.#close();
        const known = this.#context.labels.find((other) => other.label === to);
        if (known) this.#confirmMerge(row, label, to);
        else this.#close(this.#context.rename(label, to));
      },
      cancel: () => this.#close(),
    });
    this.#editing = true;
    row.replaceChildren(field);
    const input = field.querySelector('input');
    input?.focus();
    input?.select();
  }

  #confirmMerge(row: HTMLElement, from: string, to: string): void {
    const { text } = this.#context;
    const merge = button({ icon: 'compress', text: text('labels.merge') }, () =>
      this.#close(this.#context.rename(from, to)),
    );
    row.replaceChildren(
      element(
        'div',
        { class: 'earmark-label-words' },
        text('labels.merge-question', { from: labelText(text, from), to: labelText(text, to) }),
      ),
      merge,
      button({ icon: 'times', title: text('labels.cancel') }, () => this.#close()),
    );
    merge.focus();
  }

  #close(after: Promise<void> = Promise.resolve()): void {
    this.#editing = false;
    void after.then(() => this.#draw());
  }
}
