import type { SoundSearch } from '../../../src/sounds/search-text.ts';
import type { SoundSelection } from '../../../src/sounds/sound-answers.ts';
import { button, element } from './dom.ts';
import { emptyState, examples, noMemory } from './empty-state.ts';
import { countText } from './figures.ts';
import { HeardList } from './heard-list.ts';
import { SearchBar } from './search-bar.ts';
import type { SidebarContext, SidebarView } from './sidebar-context.ts';
import { SoundGrid } from './sound-grid.ts';

/** More rows would make the page slow; a search finds what lies further back. */
const mostRows = 600;

/** The newest sounds, or those of a search, one row each; above them what was just heard. */
export class SoundList implements SidebarView {
  readonly element = element('div', { class: 'earmark-view' });
  readonly #context: SidebarContext;
  readonly #searchBar: SearchBar;
  readonly #heard: HeardList;
  readonly #grid: SoundGrid;
  readonly #scroll = element('div', { class: 'earmark-scroll' });
  readonly #empty = element('div', { class: 'earmark-empty', hidden: true });
  readonly #arrived: HTMLButtonElement;
  readonly #more: HTMLButtonElement;
  /** The one that the cursor belongs to. */
  #search: SoundSearch = { query: {}, unlabelled: false };
  #cursor: string | undefined;
  /** Answers to older questions are thrown away. */
  #question = 0;

  constructor(context: SidebarContext) {
    this.#context = context;
    const { text } = context;
    this.#searchBar = new SearchBar(context, {
      changed: () => {
        this.#clear();
        void this.#load(false);
      },
      leave: () => this.#heard.focus('first') || this.#grid.focus('first'),
    });
    this.#heard = new HeardList(context, {
      leave: (direction) => {
        if (direction === 'up') this.#searchBar.focus();
        // The last one was stored or taken away, and the list below may have none yet.
        else if (!this.#grid.focus('first') && this.#heard.isEmpty) this.#searchBar.focus();
      },
      changed: () => {
        if (!this.#empty.hidden) this.#showEmpty();
      },
    });
    this.#grid = new SoundGrid(context, {
      name: text('tab.sounds'),
      leave: (direction) => {
        if (direction === 'up' && !this.#heard.focus('last')) this.#searchBar.focus();
      },
    });
    this.#arrived = button({ icon: 'arrow-up', text: '', class: 'earmark-arrived' }, () => {
      this.#scroll.scrollTop = 0;
      void this.#load(false);
    });
    this.#arrived.hidden = true;
    this.#more = button({ text: text('sound.more') }, () => void this.#load(true));
    this.#more.hidden = true;
    this.#scroll.append(
      this.#grid.element,
      this.#empty,
      element('div', { class: 'earmark-more' }, this.#more),
    );
    this.element.append(
      this.#searchBar.element,
      this.#heard.element,
      this.#arrived,
      this.#scroll,
      this.#grid.bar.element,
    );
  }

  reset(): void {
    this.#question++;
    this.#clear();
    this.#grid.reset();
    this.#heard.reset();
  }

  async refresh(): Promise<void> {
    await Promise.all([this.refreshHeard(), this.#refreshStored()]);
  }

  /** Brings up to date only what was just heard. */
  refreshHeard(): Promise<void> {
    return this.#heard.refresh();
  }

  /** The user has said what is to become of these. */
  settle(selection: SoundSelection): void {
    if ('ids' in selection) this.#heard.settle(selection.ids);
  }

  playing(id: string, playing: boolean): void {
    for (const grid of [this.#heard.grid, this.#grid]) grid.row(id)?.setPlaying(playing);
  }

  /** Shows the sounds of this search. */
  show(text: string): void {
    this.#searchBar.show(text);
  }

  async #refreshStored(): Promise<void> {
    // A list that somebody reads must not move under the pointer.
    if (this.#scroll.scrollTop > 40 && this.#grid.order.length > 0) {
      const question = this.#question;
      await this.#countArrived();
      await this.#grid
        .loadDetails(this.#inSight(), () => question === this.#question)
        .catch((error) => this.#context.fail(error));
    } else await this.#load(false);
  }

  #clear(): void {
    this.#grid.clear();
    this.#arrived.hidden = true;
    this.#scroll.scrollTop = 0;
  }

  async #load(more: boolean): Promise<void> {
    const { api } = this.#context;
    const question = ++this.#question;
    const wanted = () => question === this.#question;
    const grid = this.#grid;
    if (!api) {
      this.#clear();
      this.#showEmpty();
      return;
    }
    if (!more) this.#search = this.#searchBar.search;
    try {
      const page = await api.page(this.#search, more ? this.#cursor : undefined);
      if (!wanted()) return;
      this.#arrived.hidden = true;
      const known = more ? grid.order : [];
      grid.show(
        [...known, ...page.sounds.map(({ id }) => id).filter((id) => !known.includes(id))],
        page.sounds,
      );
      this.#cursor = page.cursor;
      this.#more.hidden = page.cursor === undefined || grid.order.length >= mostRows;
      this.#showEmpty();
      const loaded = await grid.loadMissingDetails(wanted);
      // The others again, for new best matches.
      const others = grid.order.slice(0, 30).filter((id) => !loaded.includes(id));
      await grid.loadDetails(others, wanted);
    } catch (error) {
      if (wanted()) this.#context.fail(error);
    }
  }

  #inSight(): string[] {
    const { top, bottom } = this.#scroll.getBoundingClientRect();
    return this.#grid.order.filter((id) => {
      const row = this.#grid.row(id)?.element.getBoundingClientRect();
      return row !== undefined && row.bottom > top && row.top < bottom;
    });
  }

  async #countArrived(): Promise<void> {
    const page = await this.#context.api?.page(this.#searchBar.search).catch(() => undefined);
    const { text } = this.#context;
    const sounds = page?.sounds ?? [];
    for (const sound of sounds) this.#grid.row(sound.id)?.update(sound);
    const count = sounds.filter(({ id }) => !this.#grid.row(id)).length;
    this.#arrived.hidden = count === 0;
    this.#arrived.lastChild?.remove();
    this.#arrived.append(` ${text('sound.arrived', { sounds: countText(text, count) })}`);
  }

  #showEmpty(): void {
    const { text, api, closed } = this.#context;
    this.#empty.hidden = this.#grid.order.length > 0;
    this.#more.hidden ||= this.#grid.order.length === 0;
    if (this.#empty.hidden) return;
    const searching = !this.#searchBar.isEmpty;
    const clear = button({ icon: 'times', text: text('search.clear') }, () => this.show(''));
    const none = this.#heard.isEmpty ? 'empty.no-sounds' : 'empty.none-stored';
    const key = searching ? 'empty.no-match' : none;
    // News of what is heard must not take the button from under the pointer or the focus.
    const shown = api ? key : JSON.stringify([closed]);
    if (this.#empty.dataset.shown === shown) return;
    this.#empty.dataset.shown = shown;
    if (!api) {
      this.#empty.replaceChildren(...noMemory(this.#context));
      return;
    }
    this.#empty.replaceChildren(...emptyState(text, key), searching ? clear : examples(text));
  }
}
