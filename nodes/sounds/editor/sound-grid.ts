import { backgroundLabel } from '../../../src/recognition/background-label.ts';
import type { SoundSummary } from '../../../src/sounds/sound-summary.ts';
import { element } from './dom.ts';
import { SelectionBar } from './selection-bar.ts';
import type { SidebarContext } from './sidebar-context.ts';
import { SoundRow } from './sound-row.ts';

export interface SoundGridOptions {
  /** What a screen reader calls it. */
  name: string;
  /** The arrow key leads out of the grid. */
  leave(direction: 'up' | 'down'): void;
}

/** Sounds, one row each: gone through by keys, heard, named one by one or several at once. */
export class SoundGrid {
  readonly element: HTMLElement;
  /** What can be done with those that are selected. */
  readonly bar: SelectionBar;
  readonly #context: SidebarContext;
  readonly #leave: SoundGridOptions['leave'];
  readonly #rows = new Map<string, SoundRow>();
  /** Ids in the order in which they are shown. */
  #order: string[] = [];
  readonly #selected = new Set<string>();
  #focused: string | undefined;
  #rangeStart: string | undefined;

  constructor(context: SidebarContext, { name, leave }: SoundGridOptions) {
    this.#context = context;
    this.#leave = leave;
    this.element = element('div', {
      role: 'grid',
      class: 'earmark-grid',
      'aria-label': name,
      'aria-multiselectable': context.canWrite,
    });
    this.bar = new SelectionBar(
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
    this.element.addEventListener('keydown', (event) => this.#key(event));
    this.element.addEventListener('click', (event) => this.#click(event));
    this.element.addEventListener('focusin', (event) => {
      const id = this.#idOf(event.target as HTMLElement);
      if (id !== undefined) this.#moveTabStop(id);
    });
  }

  get order(): readonly string[] {
    return this.#order;
  }

  row(id: string): SoundRow | undefined {
    return this.#rows.get(id);
  }

  /** What is selected stays so where it is shown again. */
  clear(): void {
    this.#rows.clear();
    this.#order = [];
    this.element.replaceChildren();
  }

  reset(): void {
    this.clear();
    this.#select([]);
  }

  /** Pictures and best matches of the rows that have none yet. Resolves with the ids of those rows. */
  async loadMissingDetails(wanted: () => boolean): Promise<string[]> {
    const missing = this.#order.filter((id) => !this.#rows.get(id)?.hasDetails);
    // In small steps, so that the first pictures are there at once.
    for (const ids of chunks(missing, 8)) await this.loadDetails(ids, wanted);
    return missing;
  }

  /** Shows these sounds as they are now, if `wanted` still holds then; those that are gone leave the grid. */
  async loadDetails(ids: string[], wanted: () => boolean): Promise<void> {
    if (ids.length === 0 || !wanted()) return;
    const details = (await this.#context.api?.details(ids)) ?? [];
    if (!wanted()) return;
    const there = new Set(details.map(({ sound }) => sound.id));
    if (there.size < ids.length)
      this.show(
        this.#order.filter((id) => !ids.includes(id) || there.has(id)),
        [],
      );
    for (const detail of details) this.#rows.get(detail.sound.id)?.setDetails(detail);
  }

  /** Rows are kept as they are where they stay: focus, scroll and an open field with them. */
  show(order: string[], sounds: SoundSummary[]): void {
    for (const sound of sounds) {
      const row = this.#rows.get(sound.id);
      if (row) row.update(sound);
      else this.#rows.set(sound.id, new SoundRow(this.#context, sound, 'grid'));
    }
    const hadFocus = this.element.contains(document.activeElement);
    const place = this.#focused === undefined ? -1 : this.#order.indexOf(this.#focused);
    for (const id of this.#order) {
      if (order.includes(id)) continue;
      this.#rows.get(id)?.element.remove();
      this.#rows.delete(id);
      this.#selected.delete(id);
    }
    this.#order = order;
    let next = this.element.firstElementChild;
    for (const id of order) {
      const row = this.#rows.get(id);
      if (!row) continue;
      row.element.dataset.id = id;
      if (row.element === next) next = next.nextElementSibling;
      else this.element.insertBefore(row.element, next);
    }
    // A row that went away hands its focus to the one that took its place.
    if (this.#focused === undefined || !order.includes(this.#focused)) {
      const neighbour = order[Math.max(0, Math.min(place, order.length - 1))];
      this.#moveTabStop(neighbour);
      if (hadFocus && place >= 0) {
        if (neighbour === undefined) this.#leave('down');
        else this.#focus(neighbour);
      }
    } else this.#moveTabStop(this.#focused);
    this.#select([...this.#selected]);
  }

  /** Gives the focus to the first or last row; returns false where there is none in sight. */
  focus(end: 'first' | 'last'): boolean {
    const id = this.#order.at(end === 'first' ? 0 : -1);
    if (id === undefined || this.element.offsetParent === null) return false;
    this.#focus(id);
    return true;
  }

  #select(ids: string[]): void {
    this.#selected.clear();
    for (const id of ids) if (this.#rows.has(id)) this.#selected.add(id);
    for (const [id, row] of this.#rows) {
      const selected = this.#selected.has(id);
      if (row.checkbox) row.checkbox.checked = selected;
      if (this.#context.canWrite) row.element.setAttribute('aria-selected', String(selected));
    }
    this.bar.update();
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
    const last = this.#order.length - 1;
    const move = (to: number) => {
      const next = this.#order[Math.max(0, Math.min(to, last))];
      if (event.shiftKey && canWrite && next !== undefined) {
        this.#rangeStart ??= id;
        this.#selectRange(next);
      }
      this.#focus(next);
    };
    const keys: Record<string, (() => void) | false> = {
      ArrowDown: () => (at === last ? this.#leave('down') : move(at + 1)),
      ArrowUp: () => (at === 0 ? this.#leave('up') : move(at - 1)),
      PageDown: () => move(at + 8),
      PageUp: () => move(at - 8),
      Home: () => move(0),
      End: () => move(last),
      ' ': () => row.play(),
      Enter: canWrite && (() => (row.offered ? row.setLabel(row.offered) : row.editLabel())),
      l: canWrite && (() => (this.#selected.size > 0 ? this.bar.focus() : row.editLabel())),
      x: canWrite && (() => this.#toggle(id)),
      b: canWrite && (() => void this.#context.label({ ids: this.#meant(id) }, backgroundLabel)),
      n: canWrite && (() => this.#refuse(row)),
      Delete: canWrite && (() => this.#remove(id)),
      Escape: () => this.#select([]),
    };
    // A button or checkbox in the row has its own Enter and Space.
    const onControl = (event.target as HTMLElement).closest('button, input') !== null;
    if (onControl && (event.key === 'Enter' || event.key === ' ')) return;
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
    const label = this.#selected.size > 0 ? this.bar.refusable[0] : row.refusable;
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
