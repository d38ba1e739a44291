import type { Suggestions } from '../../../src/sounds/sound-answers.ts';
import type { SoundSummary } from '../../../src/sounds/sound-summary.ts';
import { button, element } from './dom.ts';
import { emptyState, noMemory } from './empty-state.ts';
import { countText } from './figures.ts';
import { labelField } from './label-field.ts';
import { labelText } from './label-text.ts';
import type { SidebarContext, SidebarView } from './sidebar-context.ts';
import { SoundRow } from './sound-row.ts';

const shownGroups = 6;
const shownSounds = 5;

/** What is worth labelling next, and what looks wrong. */
export class SuggestionsView implements SidebarView {
  readonly element = element('div', { class: 'earmark-view' });
  readonly #context: SidebarContext;
  readonly #content = element('div', { class: 'earmark-scroll' });
  readonly #rows = new Map<string, SoundRow>();
  #question = 0;
  /** The user has said what is to become of a sound: its card goes at once. */
  #settled = false;
  /** There is news that was not shown yet. */
  #late = false;

  constructor(context: SidebarContext) {
    this.#context = context;
    const left = () => {
      if (this.#late && !this.#isHeld()) void this.refresh();
    };
    this.#content.addEventListener('pointerleave', left);
    // The focus is still where it was.
    this.#content.addEventListener('focusout', () => window.setTimeout(left));
    this.element.append(this.#content);
  }

  reset(): void {
    this.#question++;
    this.#content.replaceChildren();
  }

  async refresh(): Promise<void> {
    const { api, text } = this.#context;
    const question = ++this.#question;
    if (!api) return this.#explain(...noMemory(this.#context));
    this.#late = true;
    if (this.#isHeld()) return;
    try {
      const suggestions = await api.suggestions();
      if (question !== this.#question || this.#isHeld()) return;
      this.#late = false;
      this.#settled = false;
      const { phase, problem } = suggestions.progress;
      if (phase === 'ready') return await this.#show(suggestions);
      if (phase === 'failed')
        return this.#explain(element('p', {}, text('map.failed', { problem: problem ?? '' })));
      if (this.#content.childElementCount === 0) {
        this.#content.append(element('p', { class: 'earmark-empty' }, text('suggest.reading')));
      }
    } catch (error) {
      if (question === this.#question) this.#context.fail(error);
    }
  }

  playing(id: string, playing: boolean): void {
    this.#rows.get(id)?.setPlaying(playing);
  }

  settle(): void {
    this.#settled = true;
  }

  /**
   * A name that is being typed stays, also when its typing began while the answer was on its way; and what the pointer or
   * the keyboard is on stays, so that it does what it said.
   */
  #isHeld(): boolean {
    const { activeElement } = document;
    if (activeElement instanceof HTMLInputElement && this.#content.contains(activeElement)) return true;
    const used = '.earmark-card:hover, .earmark-card :focus-visible';
    return !this.#settled && this.#content.querySelector(used) !== null;
  }

  #say(key: string): void {
    this.#explain(...emptyState(this.#context.text, key));
  }

  #explain(...content: HTMLElement[]): void {
    this.#content.replaceChildren(element('div', { class: 'earmark-empty' }, ...content));
  }

  async #show({ groups, uncertain, contradictions }: Suggestions): Promise<void> {
    const { text, api } = this.#context;
    this.#rows.clear();
    if (groups.length + uncertain.length + contradictions.length === 0)
      return this.#say('empty.no-suggestions');
    const sections: Node[] = [];
    const name = (label: string) => labelText(text, label);
    const section = (title: string, help: string, items: HTMLElement[]) => {
      if (items.length === 0) return;
      sections.push(
        element('section', {}, element('h3', {}, text(title)), element('p', {}, text(help)), ...items),
      );
    };
    section(
      'suggest.groups',
      'suggest.groups-help',
      groups.slice(0, shownGroups).map((group) => this.#group(group)),
    );
    section(
      'suggest.contradictions',
      'suggest.contradictions-help',
      contradictions
        .slice(0, shownSounds)
        .map(({ sound, label, suggested }) =>
          this.#card(
            [sound],
            text('suggest.contradiction', { label: name(label), suggested: name(suggested) }),
            [suggested],
          ),
        ),
    );
    section(
      'suggest.uncertain',
      'suggest.uncertain-help',
      uncertain
        .slice(0, shownSounds)
        .map(({ sound, labels: [one, other] }) =>
          this.#card([sound], text('suggest.between', { one: name(one), other: name(other) }), [one, other]),
        ),
    );
    this.#content.replaceChildren(...sections);
    const ids = [...this.#rows.keys()];
    if (ids.length === 0) return;
    for (const detail of (await api?.details(ids)) ?? []) this.#rows.get(detail.sound.id)?.setDetails(detail);
  }

  #group({ ids, thisWeek, examples, guess }: Suggestions['groups'][number]): HTMLElement {
    const { text, canWrite } = this.#context;
    const all = countText(text, ids.length);
    const key = thisWeek === 0 ? 'heard' : thisWeek === ids.length ? 'heard-this-week' : 'heard-both';
    const title = text(`suggest.${key}`, { n: ids.length, week: thisWeek });
    const card = this.#card(examples, title, [], ids);
    if (!canWrite) return card;
    const choices = element('div', { class: 'earmark-choices' });
    if (guess !== undefined) choices.append(this.#choice(ids, guess));
    choices.append(
      labelField(this.#context, {
        value: '',
        name: text('suggest.name-all', { sounds: all }),
        done: (label) => {
          if (label === '') return;
          (document.activeElement as HTMLElement | null)?.blur();
          void this.#context.label({ ids }, label);
        },
      }),
    );
    card.append(choices);
    return card;
  }

  #card(sounds: SoundSummary[], title: string, labels: string[], ids?: string[]): HTMLElement {
    const card = element('div', { class: 'earmark-card' }, element('h4', {}, title));
    for (const sound of sounds) {
      const row = new SoundRow(this.#context, sound, 'alone');
      this.#rows.set(sound.id, row);
      card.append(row.element);
    }
    if (this.#context.canWrite && labels.length > 0) {
      const targets = ids ?? sounds.map(({ id }) => id);
      card.append(
        element('div', { class: 'earmark-choices' }, ...labels.map((label) => this.#choice(targets, label))),
      );
    }
    return card;
  }

  #choice(ids: string[], label: string): HTMLElement {
    const { text } = this.#context;
    const name = labelText(text, label);
    return button({ icon: 'check', text: name, title: text('suggest.choose', { label: name }) }, () => {
      void this.#context.label({ ids }, label);
    });
  }
}
