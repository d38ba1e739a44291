import { backgroundLabel } from '../../../src/recognition/background-label.ts';
import type { SoundDetails, SoundSummary } from '../../../src/sounds/sound-summary.ts';
import { loudnessText } from '../../editor/loudness-text.ts';
import { button, element, icon } from './dom.ts';
import { factLine } from './fact-line.ts';
import { lengthText, percentText, timeText, wholeTimeText } from './figures.ts';
import { labelDot } from './label-colour.ts';
import { labelField } from './label-field.ts';
import { labelText } from './label-text.ts';
import { drawPicture } from './picture.ts';
import { type SidebarContext, sourceText } from './sidebar-context.ts';

/** From this similarity on, the best match is offered as a label. */
const offeredSimilarity = 0.6;
/** Below it, saying what a sound is most like would only mislead. */
const shownSimilarity = 0.3;

/** One sound as the list, the map and the suggestions show it. */
export class SoundRow {
  readonly element: HTMLElement;
  readonly checkbox: HTMLInputElement | undefined;
  sound: SoundSummary;
  #details: SoundDetails | undefined;
  /** The details are those of another piece of the sound. */
  #outdated = false;
  readonly #context: SidebarContext;
  readonly #play: HTMLButtonElement;
  readonly #picture = element('canvas', { class: 'earmark-picture', 'aria-hidden': 'true' });
  readonly #label = element('div', { class: 'earmark-sound-label' });
  readonly #actions = element('div', { class: 'earmark-sound-actions' });
  readonly #facts = element('div', { class: 'earmark-sound-facts' });
  readonly #match = element('div', { class: 'earmark-sound-match' });

  /** A row of a grid is chosen with its checkbox; a row elsewhere stands by itself. */
  constructor(context: SidebarContext, sound: SoundSummary, place: 'grid' | 'alone') {
    this.#context = context;
    this.sound = sound;
    const { text } = context;
    this.#play = button({ icon: 'play', title: text('sound.play'), class: 'earmark-play' }, () =>
      this.play(),
    );
    const inGrid = place === 'grid';
    const cell = (name: string, ...children: Node[]) =>
      element('div', { class: name, role: inGrid ? 'gridcell' : undefined }, ...children);
    this.element = element(
      'div',
      { class: 'earmark-sound', role: inGrid ? 'row' : 'group', tabindex: inGrid ? -1 : undefined },
      cell('earmark-sound-listen', this.#play, this.#picture),
      cell(
        'earmark-sound-words',
        element('div', { class: 'earmark-sound-head' }, this.#label, this.#actions),
        this.#facts,
        this.#match,
      ),
    );
    if (inGrid && context.canWrite) {
      this.checkbox = element('input', { type: 'checkbox', tabindex: -1 });
      this.element.append(cell('earmark-sound-select', this.checkbox));
    }
    if (inGrid) for (const control of this.element.querySelectorAll('button')) control.tabIndex = -1;
    this.update(sound);
  }

  update(sound: SoundSummary): void {
    // Another piece of it was recognised more surely, and stands for it now.
    if (sound.heardAs?.confidence !== this.sound.heardAs?.confidence) {
      this.#outdated = true;
      this.#context.player.forget(sound.id);
    }
    this.sound = sound;
    const { text } = this.#context;
    this.#drawLabel();
    const length = lengthText(sound.endTime - sound.startTime);
    const facts = [timeText(sound.createdAt), sourceText(sound.sourceId), length];
    if (this.#details?.loudness !== undefined) facts.push(loudnessText(this.#details.loudness));
    for (const label of sound.notLabel ?? [])
      facts.push(text('sound.not', { label: labelText(text, label) }));
    if (sound.tags?.length) facts.push(sound.tags.map((tag) => `#${tag}`).join(' '));
    this.#facts.replaceChildren(...factLine(facts));
    this.#facts.title = [
      sound.sourceId,
      wholeTimeText(sound.createdAt),
      text('sound.band', { low: Math.round(sound.low), high: Math.round(sound.high) }),
    ].join('\n');
    this.#drawMatch();
    this.#drawActions();
    this.element.setAttribute('aria-label', this.name);
    this.checkbox?.setAttribute('aria-label', text('sound.select', { sound: this.name }));
  }

  setDetails(details: SoundDetails): void {
    this.#details = details;
    drawPicture(this.#picture, details.picture);
    this.#play.disabled = !details.playable;
    const missing = details.sound.heardAs ? 'heard.no-clip' : 'sound.no-clip';
    this.#play.title = this.#context.text(details.playable ? 'sound.play' : missing);
    this.#play.setAttribute('aria-label', this.#play.title);
    this.update(details.sound);
    this.#outdated = false;
  }

  get hasDetails(): boolean {
    return this.#details !== undefined && !this.#outdated;
  }

  /** Plays it, or says why that cannot be. */
  play(): void {
    if (this.#details?.playable === false) this.#context.announce(this.#play.title);
    else this.#context.play(this.sound.id);
  }

  setPlaying(playing: boolean): void {
    this.element.classList.toggle('earmark-playing', playing);
    this.#play.replaceChildren(icon(playing ? 'stop' : 'play'));
  }

  /** What a screen reader calls the sound. */
  get name(): string {
    const { label, createdAt } = this.sound;
    const { text } = this.#context;
    const name = label === undefined ? (this.#recognised ?? text('sound.nameless')) : labelText(text, label);
    return `${name}, ${timeText(createdAt)}`;
  }

  /** The label that one key or click gives a sound that has none: what it was taken for, or that of the best match. */
  get offered(): string | undefined {
    const match = this.#closest;
    if (this.sound.label !== undefined) return undefined;
    if (this.sound.heardAs?.label !== undefined) return this.sound.heardAs.label;
    return match && match.similarity >= offeredSimilarity ? match.label : undefined;
  }

  /** The label that it has or is like, and can be said not to be. */
  get refusable(): string | undefined {
    const match = this.#closest;
    const known = this.sound.label ?? this.sound.heardAs?.label;
    if (known !== undefined || !match || match.similarity < shownSimilarity) return known;
    return match.label;
  }

  /** The labelled sound that it is most like. */
  get #closest(): SoundDetails['match'] {
    return this.sound.heardAs?.match ?? this.#details?.match;
  }

  /** What a sound that was only heard was taken for, in words. */
  get #recognised(): string | undefined {
    const { text } = this.#context;
    const { label, confidence } = this.sound.heardAs ?? {};
    if (label === undefined || confidence === undefined) return undefined;
    return text('heard.as', { label: labelText(text, label), percent: percentText(confidence) });
  }

  setLabel(label: string): void {
    void this.#context.label({ ids: [this.sound.id] }, label);
  }

  editLabel(): void {
    if (!this.#context.canWrite) return;
    const { text } = this.#context;
    let open = true;
    const close = () => {
      // A field that is taken off the page loses the focus, which closes it too.
      if (!open) return;
      open = false;
      const hadFocus = this.#label.contains(document.activeElement);
      this.#label.replaceChildren();
      this.#drawLabel();
      // A row that stands by itself cannot have the focus.
      const next =
        this.element.getAttribute('role') === 'row' ? this.element : this.#label.querySelector('button');
      if (hadFocus) next?.focus();
    };
    const field = labelField(this.#context, {
      value: this.sound.label ?? '',
      name: text('label.of', { sound: this.name }),
      done: (label) => {
        close();
        if (label !== (this.sound.label ?? '')) this.setLabel(label);
      },
      cancel: close,
    });
    this.#label.replaceChildren(field);
    delete this.#label.dataset.shown;
    const input = field.querySelector('input');
    input?.focus();
    input?.select();
  }

  #drawLabel(): void {
    const { text, canWrite, labels } = this.#context;
    // A field that is being typed into must survive the news about the sound.
    if (this.#label.querySelector('input') === document.activeElement && document.activeElement) return;
    const { label } = this.sound;
    const number = labels.find((known) => known.label === label)?.number;
    this.#redraw(this.#label, [label, number], () => {
      const words: (Node | string)[] = [];
      if (number !== undefined) words.push(labelDot(number));
      const unnamed = () => text(canWrite ? 'sound.unlabelled' : 'sound.nameless');
      words.push(label === undefined ? unnamed() : labelText(text, label));
      if (!canWrite) return [element('span', { class: label ? '' : 'earmark-unlabelled' }, ...words)];
      const name = `earmark-label-button ${label ? '' : 'earmark-unlabelled'}`;
      const edit = element('button', { type: 'button', class: name, title: text('label.change') }, ...words);
      edit.addEventListener('click', () => this.editLabel());
      return [this.#control(edit)];
    });
  }

  #drawMatch(): void {
    const { heardAs } = this.sound;
    this.#redraw(this.#match, [heardAs, this.#closest, this.offered], () => {
      if (heardAs?.label === undefined) {
        const like = this.#likeness();
        if (!heardAs) return like;
        const said = this.#context.text('heard.unknown');
        return like.length > 0 ? [said, ' · ', ...like] : [said];
      }
      const said = this.#recognised ?? '';
      return this.#context.canWrite ? [said, ' ', this.#yes(heardAs.label)] : [said];
    });
  }

  /** What it is most like, as an offer where that is near enough. */
  #likeness(): (Node | string)[] {
    const { text, canWrite } = this.#context;
    const match = this.#closest;
    const { offered } = this;
    if (!match || match.similarity < shownSimilarity) return [];
    const like = { label: labelText(text, match.label), percent: percentText(match.similarity) };
    if (offered === undefined || !canWrite) return [text('sound.like', like)];
    const title = text('sound.offer-title', like);
    const content = { icon: 'check', text: text('sound.offer', like), title, class: 'earmark-offer' };
    return [this.#control(button(content, () => this.setLabel(offered)))];
  }

  /** It was recognised rightly. */
  #yes(label: string): HTMLElement {
    const { text } = this.#context;
    const title = text('heard.yes-title', { label: labelText(text, label) });
    const content = { icon: 'check', text: text('heard.yes'), title, class: 'earmark-offer' };
    return this.#control(button(content, () => this.setLabel(label)));
  }

  /** What it is not, and that it is nothing to listen for. */
  #drawActions(): void {
    const { text, canWrite } = this.#context;
    const { refusable } = this;
    const { id, label } = this.sound;
    if (!canWrite) return;
    this.#redraw(this.#actions, [refusable, label], () => {
      const actions: HTMLElement[] = [];
      if (refusable !== undefined) {
        const title = text('sound.refuse', { label: labelText(text, refusable) });
        const refuse = () => void this.#context.refuse({ ids: [id] }, refusable);
        actions.push(this.#control(button({ icon: 'ban', title }, refuse)));
      }
      if (label === undefined) {
        const name = () => this.setLabel(backgroundLabel);
        actions.push(this.#control(button({ icon: 'volume-off', title: text('sound.background') }, name)));
      }
      return actions;
    });
  }

  /** News of other sounds must not take a control from under the pointer or the focus. */
  #redraw(place: HTMLElement, shown: unknown, draw: () => (Node | string)[]): void {
    const key = JSON.stringify(shown);
    if (place.dataset.shown === key) return;
    place.dataset.shown = key;
    const hadFocus = place.contains(document.activeElement);
    place.replaceChildren(...draw());
    if (hadFocus) this.element.focus();
  }

  /** In a grid only the controls of the row that has the focus are in the tab order. */
  #control(made: HTMLButtonElement): HTMLButtonElement {
    if (this.element.getAttribute('role') === 'row') made.tabIndex = this.element.tabIndex;
    return made;
  }
}
