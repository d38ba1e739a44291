import { parseSearch, type SoundSearch } from '../../../src/sounds/search-text.ts';
import { button, element } from './dom.ts';
import type { SidebarContext } from './sidebar-context.ts';

const typingPause = 300;

const examples: readonly (readonly [words: string, key: string])[] = [
  ['doorbell', 'label'],
  ['is:unlabelled', 'unlabelled'],
  ['heard:today  heard:24h  heard:2026-11-20..', 'heard'],
  ['source:kitchen  tag:night  type:sound', 'source'],
  ['confidence:0.8  frequency:200..4000  time:0..60', 'numbers'],
  ['sort:confidence', 'sort'],
];

export interface SearchBarEvents {
  /** There are new words that make sense. */
  changed(): void;
  /** The arrow down: on to what was found. */
  leave(): void;
}

/** The field for search words, its shortcuts, its help and what is wrong with the words. */
export class SearchBar {
  readonly element = element('div', { class: 'earmark-search-bar' });
  readonly #context: SidebarContext;
  readonly #events: SearchBarEvents;
  readonly #field: HTMLInputElement;
  readonly #problem = element('div', { class: 'earmark-problem', role: 'alert', hidden: true });
  /** The last words that made sense. */
  #words = '';
  #typing: number | undefined;

  constructor(context: SidebarContext, events: SearchBarEvents) {
    this.#context = context;
    this.#events = events;
    const { text } = context;
    this.#field = element('input', {
      type: 'search',
      placeholder: text('search.placeholder'),
      'aria-label': text('search.name'),
      autocomplete: 'off',
      spellcheck: 'false',
    });
    this.#build();
  }

  /** What is to be searched for at this moment: "today" is another day tomorrow. */
  get search(): SoundSearch {
    const result = parseSearch(this.#words, Date.now());
    return result.ok ? result : { query: {}, unlabelled: false };
  }

  get isEmpty(): boolean {
    return this.#field.value.trim() === '';
  }

  focus(): void {
    this.#field.focus();
  }

  /** Searches for these words. */
  show(words: string): void {
    this.#field.value = words;
    this.#read();
  }

  #build(): void {
    const { text } = this.#context;
    const quick = (key: string, words: string) =>
      button({ text: text(key), class: 'earmark-quick' }, () => this.show(words));
    const help = element(
      'div',
      { class: 'earmark-help', hidden: true },
      ...examples.map(([words, key]) =>
        element('p', {}, element('code', {}, words), ` ${text(`search.${key}`)}`),
      ),
      element('p', {}, text('search.keys')),
    );
    const helpButton = button({ icon: 'question', title: text('search.help') }, () => {
      help.hidden = !help.hidden;
      helpButton.setAttribute('aria-expanded', String(!help.hidden));
    });
    helpButton.setAttribute('aria-expanded', 'false');
    this.#field.addEventListener('input', () => {
      window.clearTimeout(this.#typing);
      this.#typing = window.setTimeout(() => this.#read(), typingPause);
    });
    this.#field.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Enter') this.#read();
      if (event.key === 'ArrowDown') this.#events.leave();
    });
    this.element.append(
      element('div', { class: 'earmark-search' }, this.#field),
      element(
        'div',
        { class: 'earmark-quicks' },
        quick('search.all', ''),
        quick('search.new', 'is:unlabelled'),
        quick('search.today', 'heard:today'),
        helpButton,
      ),
      help,
      this.#problem,
    );
  }

  #read(): void {
    window.clearTimeout(this.#typing);
    const result = parseSearch(this.#field.value, Date.now());
    this.#problem.hidden = result.ok;
    if (!result.ok) {
      this.#problem.textContent = this.#context.text(`search.${result.problem}`, { word: result.word });
      return;
    }
    this.#words = this.#field.value;
    this.#events.changed();
  }
}
