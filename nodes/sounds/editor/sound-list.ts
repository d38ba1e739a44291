import { backgroundLabel } from '../../../src/recognition/background-label.ts';
import type { SoundSearch } from '../../../src/sounds/search-text.ts';
import type { SoundSummary } from '../../../src/sounds/sound-summary.ts';
import { button, element } from './dom.ts';
import { SearchBar } from './search-bar.ts';
import { SelectionBar } from './selection-bar.ts';
import { countText, type SidebarContext, type SidebarView } from './sidebar-context.ts';
import { SoundRow } from './sound-row.ts';

/** More rows would make the page slow; a search finds what lies further back. */
const mostRows = 600;

/** The newest sounds, or those of a search, one row each. */
export class SoundList implements SidebarView {
  readonly element = element('div', { class: 'earmark-view' });
  readonly #context: SidebarContext;
  readonly #searchBar: SearchBar;
  readonly #grid: HTMLElement;
  readonly #scroll = element('div', { class: 'earmark-scroll' });
  readonly #empty = element('div', { class: 'earmark-empty', hidden: true });
  readonly #arrived: HTMLButtonElement;
  readonly #more: HTMLButtonElement;
  readonly #bar: SelectionBar;
  readonly #rows = new Map<string, SoundRow>();
  /** Ids in the order in which they are shown. */
  #order: string[] = [];
  readonly #selected = new Set<string>();
  #search: SoundSearch = { query: {}, unlabelled: false };
  #cursor: string | undefined;
  #focused: string | undefined;
  #rangeStart: string | undefined;
  /** Answers to older questions are thrown away. */
  #question = 0;

  constructor(context: SidebarContext) {
    this.#context = context;
    const { text } = context;
    this.#searchBar = new SearchBar(context, {
      search: (search) => {
        this.#search = search;
        this.#clear();
        void this.#load(false);
      },
      leave: () => this.#focus(this.#order[0]),
    });
    this.#grid = element('div', {
      role: 'grid',
      class: 'earmark-grid',
      'aria-label': text('tab.sounds'),
      'aria-multiselectable': context.canWrite,
    });
    this.#arrived = button({ icon: 'arrow-up', text: '', class: 'earmark-arrived' }, () => {
      this.#scroll.scrollTop = 0;
      void this.#load(false);
    });
    this.#arrived.hidden = true;
    this.#more = button({ text: text('sound.more') }, () => void this.#load(true));
    this.#bar = new SelectionBar(
      context,
      () => ({
        sounds: this.#selected.size,
        selection: { ids: [...this.#selected] },
        labels: () => [...this.#selected].flatMap((id) => this.#rows.get(id)?.refusable ?? []),
      }),
      () => {
        this.#select([]);
        // The bar had the focus, and is gone.
        this.#focus(this.#focused);
      },
    );
    this.#build();
  }

  reset(): void {
    this.#question++;
    this.#clear();
    this.#select([]);
  }

  async refresh(): Promise<void> {
    // A list that somebody reads must not move under the pointer.
    if (this.#scroll.scrollTop > 40 && this.#order.length > 0) {
      await this.#countArrived();
      await this.#loadDetails(this.#inSight(), this.#question).catch((error) => this.#context.fail(error));
    } else await this.#load(false);
  }

  playing(id: string, playing: boolean): void {
    this.#rows.get(id)?.setPlaying(playing);
  }

  /** Shows the sounds of this search. */
  show(text: string): void {
    this.#searchBar.show(text);
  }

  #build(): void {
    this.#grid.addEventListener('keydown', (event) => this.#key(event));
    this.#grid.addEventListener('click', (event) => this.#click(event));
    this.#grid.addEventListener('focusin', (event) => {
      const id = this.#idOf(event.target as HTMLElement);
      if (id !== undefined) this.#moveTabStop(id);
    });
    this.#scroll.append(this.#grid, this.#empty, element('div', { class: 'earmark-more' }, this.#more));
    this.element.append(this.#searchBar.element, this.#arrived, this.#scroll, this.#bar.element);
  }

  #clear(): void {
    this.#rows.clear();
    this.#order = [];
    this.#grid.replaceChildren();
    this.#arrived.hidden = true;
    this.#scroll.scrollTop = 0;
  }

  async #load(more: boolean): Promise<void> {
    const { api } = this.#context;
    const question = ++this.#question;
    if (!api) {
      this.#clear();
      this.#showEmpty();
      return;
    }
    try {
      const page = await api.page(this.#search, more ? this.#cursor : undefined);
      if (question !== this.#question) return;
      this.#arrived.hidden = true;
      const known = more ? this.#order : [];
      this.#show(
        [...known, ...page.sounds.map(({ id }) => id).filter((id) => !known.includes(id))],
        page.sounds,
      );
      this.#cursor = page.cursor;
      this.#more.hidden = page.cursor === undefined || this.#order.length >= mostRows;
      this.#showEmpty();
      // In small steps, so that the first pictures are there at once; then all again for new best matches.
      const missing = this.#order.filter((id) => !this.#rows.get(id)?.hasDetails);
      const others = this.#order.slice(0, 30).filter((id) => !missing.includes(id));
      for (const ids of [...chunks(missing, 8), others]) await this.#loadDetails(ids, question);
    } catch (error) {
      if (question === this.#question) this.#context.fail(error);
    }
  }

  /** Shows these sounds as they are now; those that are gone leave the list. */
  async #loadDetails(ids: string[], question: number): Promise<void> {
    if (ids.length === 0 || question !== this.#question) return;
    const details = (await this.#context.api?.details(ids)) ?? [];
    if (question !== this.#question) return;
    const there = new Set(details.map(({ sound }) => sound.id));
    if (there.size < ids.length)
      this.#show(
        this.#order.filter((id) => !ids.includes(id) || there.has(id)),
        [],
      );
    for (const detail of details) this.#rows.get(detail.sound.id)?.setDetails(detail);
  }

  #inSight(): string[] {
    const { top, bottom } = this.#scroll.getBoundingClientRect();
    return this.#order.filter((id) => {
      const row = this.#rows.get(id)?.element.getBoundingClientRect();
      return row !== undefined && row.bottom > top && row.top < bottom;
    });
  }

  /** Rows are kept as they are where they stay: focus, scroll and an open field with them. */
  #show(order: string[], sounds: SoundSummary[]): void {
    for (const sound of sounds) {
      const row = this.#rows.get(sound.id);
      if (row) row.update(sound);
      else this.#rows.set(sound.id, new SoundRow(this.#context, sound, 'grid'));
    }
    const hadFocus = this.#grid.contains(document.activeElement);
    const place = this.#focused === undefined ? -1 : this.#order.indexOf(this.#focused);
    for (const id of this.#order) {
      if (order.includes(id)) continue;
      this.#rows.get(id)?.element.remove();
      this.#rows.delete(id);
      this.#selected.delete(id);
    }
    this.#order = order;
    let next = this.#grid.firstElementChild;
    for (const id of order) {
      const row = this.#rows.get(id);
      if (!row) continue;
      row.element.dataset.id = id;
      if (row.element === next) next = next.nextElementSibling;
      else this.#grid.insertBefore(row.element, next);
    }
    // A row that went away hands its focus to the one that took its place.
    if (this.#focused === undefined || !order.includes(this.#focused)) {
      const neighbour = order[Math.max(0, Math.min(place, order.length - 1))];
      this.#moveTabStop(neighbour);
      if (hadFocus && place >= 0) this.#focus(neighbour);
    } else this.#moveTabStop(this.#focused);
    this.#select([...this.#selected]);
  }

  async #countArrived(): Promise<void> {
    const page = await this.#context.api?.page(this.#search).catch(() => undefined);
    const { text } = this.#context;
    const sounds = page?.sounds ?? [];
    for (const sound of sounds) this.#rows.get(sound.id)?.update(sound);
    const count = sounds.filter(({ id }) => !this.#rows.has(id)).length;
    this.#arrived.hidden = count === 0;
    this.#arrived.lastChild?.remove();
    this.#arrived.append(` ${text('sound.arrived', { sounds: countText(text, count) })}`);
  }

  #showEmpty(): void {
    const { text, api } = this.#context;
    this.#empty.hidden = this.#order.length > 0;
    this.#more.hidden ||= this.#order.length === 0;
    if (this.#empty.hidden) return;
    const searching = !this.#searchBar.isEmpty;
    const examples = button({ icon: 'download', text: text('empty.examples') }, () => {
      RED.actions.invoke('core:show-examples-import-dialog');
    });
    const clear = button({ icon: 'times', text: text('search.clear') }, () => this.show(''));
    const key = !api ? 'empty.no-memory' : searching ? 'empty.no-match' : 'empty.no-sounds';
    this.#empty.replaceChildren(
      element('p', {}, text(key)),
      element('p', {}, text(`${key}-help`)),
      ...(searching && api ? [clear] : [examples]),
    );
  }

  #select(ids: string[]): void {
    this.#selected.clear();
    for (const id of ids) if (this.#rows.has(id)) this.#selected.add(id);
    for (const [id, row] of this.#rows) {
      const selected = this.#selected.has(id);
      if (row.checkbox) row.checkbox.checked = selected;
      if (this.#context.canWrite) row.element.setAttribute('aria-selected', String(selected));
    }
    this.#bar.update();
  }

  #toggle(id: string): void {
    const selected = new Set(this.#selected);
    if (!selected.delete(id)) selected.add(id);
    this.#rangeStart = id;
    this.#select([...selected]);
  }

  /** All rows from the one that was selected last to this one. */
  #selectRange(id: string): void {
    const from = this.#order.indexOf(this.#rangeStart ?? id);
    const to = this.#order.indexOf(id);
    const range = this.#order.slice(Math.max(0, Math.min(from, to)), Math.max(from, to) + 1);
    this.#select([...new Set([...this.#selected, ...range])]);
  }

  #click(event: MouseEvent): void {
    const target = event.target as HTMLElement;
    const id = this.#idOf(target);
    if (id === undefined) return;
    if (target instanceof HTMLInputElement && target.type === 'checkbox') {
      if (event.shiftKey) this.#selectRange(id);
      else this.#toggle(id);
    } else if (!target.closest('button, input')) this.#focus(id);
  }

  #key(event: KeyboardEvent): void {
    const id = this.#idOf(event.target as HTMLElement);
    const row = id === undefined ? undefined : this.#rows.get(id);
    if (!row || id === undefined || event.altKey) return;
    const { canWrite, labels } = this.#context;
    const command = event.ctrlKey || event.metaKey;
    const at = this.#order.indexOf(id);
    const move = (to: number) => {
      const next = this.#order[Math.max(0, Math.min(to, this.#order.length - 1))];
      if (event.shiftKey && canWrite && next !== undefined) {
        this.#rangeStart ??= id;
        this.#selectRange(next);
      }
      this.#focus(next);
    };
    const keys: Record<string, (() => void) | false> = {
      ArrowDown: () => move(at + 1),
      ArrowUp: () => (at === 0 ? this.#searchBar.focus() : move(at - 1)),
      PageDown: () => move(at + 8),
      PageUp: () => move(at - 8),
      Home: () => move(0),
      End: () => move(this.#order.length - 1),
      ' ': () => this.#context.play(id),
      Enter: canWrite && (() => (row.offered ? row.setLabel(row.offered) : row.editLabel())),
      l: canWrite && (() => (this.#selected.size > 0 ? this.#bar.focus() : row.editLabel())),
      x: canWrite && (() => this.#toggle(id)),
      b: canWrite && (() => void this.#context.label({ ids: this.#meant(id) }, backgroundLabel)),
      n: canWrite && (() => this.#refuse(row)),
      Delete: canWrite && (() => this.#remove(id)),
      Escape: () => this.#select([]),
    };
    // A button in the row has its own Enter and Space.
    const onButton = (event.target as HTMLElement).closest('button') !== null;
    if (onButton && (event.key === 'Enter' || event.key === ' ')) return;
    let run = command ? undefined : keys[event.key];
    if (command && event.key === 'z' && canWrite) run = () => void this.#context.undo();
    if (command && event.key === 'a' && canWrite) run = () => this.#select(this.#order);
    const common = labels[Number(event.key) - 1];
    if (!command && canWrite && /^[1-9]$/.test(event.key) && common) {
      run = () => void this.#context.label({ ids: this.#meant(id) }, common.label);
    }
    if (!run) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  }

  #remove(id: string): void {
    void this.#context.remove({ ids: this.#meant(id) });
  }

  #refuse(row: SoundRow): void {
    const label = this.#selected.size > 0 ? this.#bar.refusable[0] : row.refusable;
    if (label !== undefined) void this.#context.refuse({ ids: this.#meant(row.sound.id) }, label);
  }

  /** What a key is for: the selected sounds, or else the one that has the focus. */
  #meant(id: string): string[] {
    return this.#selected.size > 0 ? [...this.#selected] : [id];
  }

  #focus(id: string | undefined): void {
    const row = id === undefined ? undefined : this.#rows.get(id);
    row?.element.focus();
    row?.element.scrollIntoView({ block: 'nearest' });
  }

  /** One row at a time is in the tab order; arrows go from row to row. */
  #moveTabStop(id: string | undefined): void {
    if (this.#focused !== undefined) this.#tabStop(this.#focused, -1);
    this.#focused = id;
    if (id !== undefined) this.#tabStop(id, 0);
  }

  #tabStop(id: string, index: 0 | -1): void {
    const row = this.#rows.get(id)?.element;
    if (!row) return;
    row.tabIndex = index;
    for (const control of row.querySelectorAll<HTMLElement>('button, input')) control.tabIndex = index;
  }

  #idOf(target: HTMLElement): string | undefined {
    return target.closest<HTMLElement>('.earmark-sound')?.dataset.id;
  }
}

function chunks<T>(items: T[], size: number): T[][] {
  const made: T[][] = [];
  for (let i = 0; i < items.length; i += size) made.push(items.slice(i, i + size));
  return made;
}
