import type { EditorRED } from 'node-red';
import type { SoundSelection, SoundsNotice, UndoSummary } from '../../src/sounds/sound-answers.ts';
import { button, element } from './editor/dom.ts';
import { countText, numberText } from './editor/figures.ts';
import { labelListId } from './editor/label-field.ts';
import { labelText } from './editor/label-text.ts';
import { LabelsView } from './editor/labels-view.ts';
import { MapView } from './editor/map-view.ts';
import { Player } from './editor/player.ts';
import type { ClosedMemory, SidebarContext, SidebarView, Translate } from './editor/sidebar-context.ts';
import { SoundList } from './editor/sound-list.ts';
import { type LabelSummary, type MemorySummary, RequestError, SoundsApi } from './editor/sounds-api.ts';
import { SuggestionsView } from './editor/suggestions-view.ts';

const tabId = 'earmark-sounds';
const topic = 'earmark/sounds';
/** News within this time are shown together. */
const refreshPause = 250;
const announceTime = 6000;
/** While the memory is still looked through, so often it is asked how far it is. */
const progressTime = 1000;
/** What a user may meet, in the user's language; the server says it in English. */
const failTexts: Partial<Record<string, string>> = {
  CLOSED: 'fail.closed',
  DISK_FULL: 'fail.disk-full',
  STALE_MAP: 'fail.stale-map',
  NOTHING_TO_UNDO: 'undo.nothing',
};

/** The sidebar: its tabs, the memory that is shown, and what the tabs share. */
class SoundsSidebar implements SidebarContext {
  readonly element = element('div', { class: 'earmark-sounds' });
  readonly text: Translate;
  readonly canWrite = RED.user.hasPermission('earmark.write');
  readonly #canRead = RED.user.hasPermission('earmark.read');
  readonly player: Player;
  labels: LabelSummary[] = [];
  api: SoundsApi | undefined;
  closed: ClosedMemory | undefined;
  #known: MemorySummary[] = [];
  readonly #memories = element('select', { class: 'earmark-memories', hidden: true });
  readonly #undo: HTMLButtonElement;
  readonly #message = element('div', { class: 'earmark-message', role: 'status', 'aria-live': 'polite' });
  readonly #labelList = element('datalist', { id: labelListId });
  readonly #tabs: { key: string; tab: HTMLButtonElement; panel: HTMLElement; view: SidebarView }[] = [];
  readonly #list: SoundList;
  #shown = 0;
  #timer: number | undefined;
  #messageTimer: number | undefined;
  /** Whether something changed since what is shown was asked for. */
  #stale = true;
  #refreshing: Promise<void> | undefined;

  constructor(text: Translate) {
    this.text = text;
    this.player = new Player(
      () => this.api,
      (id, playing) => {
        for (const { view } of this.#tabs) view.playing?.(id, playing);
      },
    );
    this.#undo = button(
      { icon: 'undo', title: text('undo.nothing'), class: 'earmark-undo' },
      () => void this.undo(),
    );
    this.#undo.disabled = true;
    this.#list = new SoundList(this);
    this.#build();
  }

  /** Something changed: shown as soon as the sidebar is seen. */
  notice({ memory, heard }: SoundsNotice): void {
    if (memory !== undefined && this.api && memory !== this.api.memory) return;
    if (heard && this.element.offsetParent !== null) {
      if (this.#list.element.offsetParent !== null) void this.#list.refreshHeard();
      return;
    }
    this.#stale = true;
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      if (this.element.offsetParent !== null) void this.refresh();
    }, refreshPause);
  }

  /** The sidebar came to sight. */
  seen(): void {
    if (this.#stale) void this.refresh();
  }

  /** One at a time; what comes meanwhile is done once more afterwards. */
  async refresh(): Promise<void> {
    this.#stale = true;
    if (!this.#canRead) return;
    if (this.#refreshing) return this.#refreshing;
    this.#refreshing = (async () => {
      while (this.#stale) {
        this.#stale = false;
        await this.#load();
      }
    })();
    try {
      await this.#refreshing;
    } finally {
      this.#refreshing = undefined;
    }
  }

  announce(message: string): void {
    window.clearTimeout(this.#messageTimer);
    this.#message.classList.remove('earmark-failed');
    this.#message.textContent = message;
    this.#messageTimer = window.setTimeout(() => {
      this.#message.textContent = '';
    }, announceTime);
  }

  fail(error: unknown): void {
    const { status, code = '' } = error instanceof RequestError ? error : {};
    const key = status === 401 ? 'fail.forbidden' : status === 0 ? 'fail.unreachable' : failTexts[code];
    this.announce(key ? this.text(key) : (error as Error).message);
    this.#message.classList.add('earmark-failed');
  }

  async label(selection: SoundSelection, label: string): Promise<void> {
    await this.#change(async (api) => {
      const { sounds } = await api.label(selection, label);
      this.#settle(selection);
      return this.text(label === '' ? 'done.unlabelled' : 'done.labelled', {
        sounds: countText(this.text, sounds),
        label: labelText(this.text, label),
      });
    });
  }

  async refuse(selection: SoundSelection, label: string): Promise<void> {
    await this.#change(async (api) => {
      const { sounds } = await api.refuse(selection, label);
      this.#settle(selection);
      return this.text('done.refused', {
        sounds: countText(this.text, sounds),
        label: labelText(this.text, label),
      });
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#change(async (api) => {
      const { sounds } = await api.rename(from, to);
      return this.text('done.labelled', {
        sounds: countText(this.text, sounds),
        label: labelText(this.text, to),
      });
    });
  }

  async remove(selection: SoundSelection): Promise<void> {
    await this.#change(async (api) => {
      const { sounds, undoable } = await api.remove(selection);
      this.#settle(selection);
      return this.text(undoable ? 'done.deleted' : 'done.deleted-for-good', {
        sounds: countText(this.text, sounds),
      });
    });
  }

  async undo(): Promise<void> {
    await this.#change(async (api) =>
      this.text('done.undone', { action: this.#actionText(await api.undo()) }),
    );
  }

  search(text: string): void {
    this.#show(0);
    this.#list.show(text);
  }

  play(id: string): void {
    this.player.toggle(id).catch((error) => {
      const missing = error instanceof RequestError && error.status === 404;
      if (missing) this.announce(this.text('sound.no-clip'));
      else if ((error as Error).name === 'NotAllowedError') this.announce(this.text('fail.autoplay'));
      else this.fail(error);
    });
  }

  #build(): void {
    const { text } = this;
    const tabList = element('div', {
      class: 'earmark-tabs',
      role: 'tablist',
      'aria-label': text('sidebar.name'),
    });
    const views: [string, SidebarView][] = [
      ['sounds', this.#list],
      ['map', new MapView(this)],
      ['suggestions', new SuggestionsView(this)],
      ['labels', new LabelsView(this)],
    ];
    for (const [place, [key, view]] of views.entries()) {
      const id = `earmark-tab-${key}`;
      const panelId = `earmark-panel-${key}`;
      const tab = element(
        'button',
        { type: 'button', role: 'tab', id, 'aria-controls': panelId },
        text(`tab.${key}`),
      );
      tab.addEventListener('click', () => this.#show(place));
      const panel = element(
        'div',
        { role: 'tabpanel', id: panelId, class: 'earmark-panel', 'aria-labelledby': id },
        view.element,
      );
      tabList.append(tab);
      this.#tabs.push({ key, tab, panel, view });
    }
    tabList.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.#show((this.#shown + step + this.#tabs.length) % this.#tabs.length);
      this.#tabs[this.#shown]?.tab.focus();
    });
    this.#memories.setAttribute('aria-label', text('memory.choose'));
    this.#memories.addEventListener('change', () => {
      this.#open(this.#known.find(({ id }) => id === this.#memories.value));
      void this.refresh();
    });
    const head = element('div', { class: 'earmark-head' }, tabList);
    if (this.canWrite) head.append(this.#undo);
    const note = (key: string) => element('p', { class: 'earmark-note' }, text(key));
    if (!this.#canRead) {
      this.element.append(note('sidebar.no-right'));
      return;
    }
    this.element.append(head, this.#memories, this.#labelList);
    if (!this.canWrite) this.element.append(note('sidebar.read-only'));
    this.element.append(...this.#tabs.map(({ panel }) => panel), this.#message);
    this.#show(0);
  }

  #show(place: number): void {
    const changed = this.#shown !== place;
    this.#shown = place;
    for (const [i, { tab, panel }] of this.#tabs.entries()) {
      tab.setAttribute('aria-selected', String(i === place));
      tab.tabIndex = i === place ? 0 : -1;
      panel.hidden = i !== place;
    }
    if (changed) void this.#tabs[place]?.view.refresh();
  }

  #open(memory: MemorySummary | undefined): void {
    this.player.stop();
    this.closed = closedMemory(memory);
    this.api = memory && !this.closed ? new SoundsApi(memory.id) : undefined;
    this.labels = [];
    this.#showUndo(undefined);
    for (const { view } of this.#tabs) view.reset();
  }

  async #load(): Promise<void> {
    try {
      this.#showMemories(await SoundsApi.memories());
      const { api } = this;
      if (api) {
        const [{ labels, progress }, undoable] = await Promise.all([
          api.labels(),
          this.canWrite ? api.undoable() : undefined,
        ]);
        if (api !== this.api) return;
        this.labels = labels;
        this.#labelList.replaceChildren(
          ...labels.map(({ label }) => element('option', { value: labelText(this.text, label) })),
        );
        this.#showUndo(undoable);
        if (progress.phase !== 'ready' && progress.phase !== 'failed') {
          window.setTimeout(() => this.notice({}), progressTime);
        }
      }
      await this.#tabs[this.#shown]?.view.refresh();
    } catch (error) {
      this.fail(error);
    }
  }

  #showMemories(memories: MemorySummary[]): void {
    this.#known = memories;
    const chosen = this.api?.memory ?? this.closed?.id;
    const shown = memories.find(({ id }) => id === chosen);
    const closed = closedMemory(shown);
    if (shown && (closed === undefined) === (this.closed === undefined)) this.closed = closed;
    // The one that was shown is gone, opened meanwhile or no longer opens, or none was shown yet.
    else if (memories.length > 0 || chosen !== undefined) this.#open(shown ?? memories[0]);
    this.#memories.hidden = memories.length < 2;
    this.#memories.replaceChildren(
      ...memories.map(({ id, name, sounds, problem }) =>
        element(
          'option',
          { value: id, selected: id === (this.api?.memory ?? this.closed?.id) },
          problem ? this.text('empty.not-open', { memory: name }) : `${name} (${numberText(sounds)})`,
        ),
      ),
    );
  }

  #showUndo(last: UndoSummary | undefined): void {
    const title = last
      ? this.text('undo.last', { action: this.#actionText(last) })
      : this.text('undo.nothing');
    this.#undo.disabled = last === undefined;
    this.#undo.title = title;
    this.#undo.setAttribute('aria-label', title);
  }

  #actionText({ kind, label, sounds }: UndoSummary): string {
    const done = kind === 'label' && label === undefined ? 'unlabel' : kind;
    return this.text(`action.${done}`, {
      sounds: countText(this.text, sounds),
      label: labelText(this.text, label ?? ''),
    });
  }

  #settle(selection: SoundSelection): void {
    for (const { view } of this.#tabs) view.settle?.(selection);
  }

  async #change(run: (api: SoundsApi) => Promise<string>): Promise<void> {
    if (!this.api || !this.canWrite) return;
    try {
      this.announce(await run(this.api));
      await this.refresh();
    } catch (error) {
      this.fail(error);
    }
  }
}

function closedMemory(memory: MemorySummary | undefined): ClosedMemory | undefined {
  return memory?.problem && { ...memory, problem: memory.problem };
}

RED.plugins.registerPlugin('earmark-sounds', {
  type: 'earmark-sidebar',
  onadd(this: { _(key: string, values?: object): string }) {
    const sidebar = new SoundsSidebar((key, values) => this._(key, values));
    RED.sidebar.addTab({
      id: tabId,
      label: this._('sidebar.name'),
      name: this._('sidebar.name'),
      iconClass: 'fa fa-volume-up',
      content: sidebar.element,
      enableOnEdit: true,
      action: 'earmark:show-sounds',
      onchange: () => sidebar.seen(),
      // The type declarations do not know `onchange`.
    } as never);
    RED.actions.add('earmark:show-sounds', () => RED.sidebar.show(tabId));
    RED.comms.subscribe(topic, (_topic: string, notice: SoundsNotice) => sidebar.notice(notice));
    // What was told while the connection was lost is not told again. The type declarations do not know `on`.
    (RED.comms as unknown as EditorRED['events']).on('connect', () => sidebar.notice({}));
  },
} as never);
