import type { SoundSummary } from '../../../src/sounds/sound-summary.ts';
import { button, element, icon } from './dom.ts';
import type { SidebarContext } from './sidebar-context.ts';
import { SoundGrid, type SoundGridOptions } from './sound-grid.ts';

const titleId = 'earmark-heard-title';
const bodyId = 'earmark-heard-body';

/** What was just heard and is not stored, with what it was taken for. Naming it stores it. */
export class HeardList {
  readonly element = element('section', {
    class: 'earmark-heard',
    'aria-labelledby': titleId,
    hidden: true,
  });
  readonly grid: SoundGrid;
  readonly #context: SidebarContext;
  readonly #changed: () => void;
  readonly #count = element('span', {});
  readonly #toggle: HTMLButtonElement;
  readonly #body = element('div', { id: bodyId, class: 'earmark-heard-body' });
  /** The pointer is on the rows: none comes between them and none goes, so that it names what it is on. */
  #pointed = false;
  /** Those that were named or taken away here; they go at once. */
  readonly #settled = new Set<string>();
  /** Answers to older questions are thrown away. */
  #question = 0;

  constructor(context: SidebarContext, events: { leave: SoundGridOptions['leave']; changed(): void }) {
    this.#context = context;
    this.#changed = events.changed;
    const { text } = context;
    this.grid = new SoundGrid(context, { name: text('heard.title'), leave: events.leave });
    this.grid.element.addEventListener('pointerenter', () => {
      this.#pointed = true;
    });
    this.grid.element.addEventListener('pointerleave', () => {
      this.#pointed = false;
      void this.refresh();
    });
    this.#toggle = button({ class: 'earmark-heard-toggle', text: '' }, () =>
      this.#open(Boolean(this.#body.hidden)),
    );
    this.#toggle.setAttribute('aria-controls', bodyId);
    this.#body.append(element('div', { class: 'earmark-scroll' }, this.grid.element), this.grid.bar.element);
    this.element.append(element('h3', { id: titleId }, this.#toggle), this.#body);
    this.#open(true);
  }

  get isEmpty(): boolean {
    return this.grid.order.length === 0;
  }

  reset(): void {
    this.#question++;
    this.grid.reset();
    this.#show();
  }

  async refresh(): Promise<void> {
    const { api } = this.#context;
    const question = ++this.#question;
    const wanted = () => question === this.#question;
    if (!api) return;
    try {
      const { sounds } = await api.heard();
      if (!wanted()) return;
      if (this.#pointed) {
        const heard = new Set(sounds.map(({ id }) => id));
        this.grid.show(
          this.grid.order.filter((id) => heard.has(id) || !this.#settled.has(id)),
          [],
        );
      } else {
        this.#settled.clear();
        this.grid.show(
          sounds.map(({ id }) => id),
          sounds.filter((sound) => !isSame(this.grid.row(sound.id)?.sound, sound)),
        );
      }
      this.#show();
      if (!this.#body.hidden) await this.grid.loadMissingDetails(wanted);
    } catch (error) {
      if (wanted()) this.#context.fail(error);
    }
  }

  /** The user has said what is to become of these. */
  settle(ids: string[]): void {
    for (const id of ids) this.#settled.add(id);
  }

  /** Gives the focus to the first or last row; returns false where there is none in sight. */
  focus(end: 'first' | 'last'): boolean {
    return this.grid.focus(end);
  }

  #open(open: boolean): void {
    this.#body.hidden = !open;
    this.#toggle.setAttribute('aria-expanded', String(open));
    this.#toggle.replaceChildren(
      icon(open ? 'caret-down' : 'caret-right'),
      ` ${this.#context.text('heard.title')} `,
      this.#count,
    );
    // Pictures are made only for who looks.
    if (open) void this.refresh();
  }

  #show(): void {
    this.element.hidden = this.isEmpty;
    // From rows that are gone the pointer does not take its leave.
    if (this.isEmpty) this.#pointed = false;
    this.#count.textContent = `(${this.grid.order.length})`;
    this.#changed();
  }
}

function isSame(one: SoundSummary | undefined, other: SoundSummary): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
