import type { PackedMap } from '../../../src/sounds/packed-map.ts';
import type { SoundSummary } from '../../../src/sounds/sound-summary.ts';
import { button, element } from './dom.ts';
import { emptyState, noMemory } from './empty-state.ts';
import { countText } from './figures.ts';
import { MapCard } from './map-card.ts';
import { MapLegend } from './map-legend.ts';
import { MapPlot } from './map-plot.ts';
import { SelectionBar } from './selection-bar.ts';
import type { SidebarContext, SidebarView } from './sidebar-context.ts';
import { RequestError } from './sounds-api.ts';

const hitRadius = 9;
/** The pointer rests this long before a sound is fetched, and then before it is heard. */
const restTime = 60;
const lassoStep = 3;

/** Every sound of the memory as a point; like sounds lie together. */
export class MapView implements SidebarView {
  readonly element = element('div', { class: 'earmark-view earmark-map' });
  readonly #context: SidebarContext;
  readonly #canvas: HTMLCanvasElement;
  readonly #plot: MapPlot;
  readonly #status = element('div', { class: 'earmark-map-status', role: 'status' });
  readonly #empty = element('div', { class: 'earmark-empty', hidden: true });
  readonly #card: MapCard;
  readonly #legend: MapLegend;
  readonly #bar: SelectionBar;
  readonly #lassoButton: HTMLButtonElement;
  readonly #hearButton: HTMLButtonElement;
  readonly #selected = new Set<number>();
  #hovered = -1;
  #lasso: [number, number][] = [];
  #lassoing = false;
  #hearing = true;
  #drag: { x: number; y: number; moved: boolean } | undefined;
  #rest: number | undefined;
  #frame: number | undefined;
  #question = 0;

  constructor(context: SidebarContext) {
    this.#context = context;
    const { text } = context;
    this.#canvas = element('canvas', {
      tabindex: 0,
      role: 'application',
      'aria-label': text('map.name'),
      'aria-describedby': 'earmark-map-keys',
    });
    this.#plot = new MapPlot(this.#canvas);
    this.#card = new MapCard(context);
    this.#legend = new MapLegend(context, () => this.#redraw());
    this.#lassoButton = button({ icon: 'crosshairs', title: text('map.lasso') }, () =>
      this.#setLasso(!this.#lassoing),
    );
    this.#hearButton = button({ icon: 'volume-up', title: text('map.hear') }, () =>
      this.#setHearing(!this.#hearing),
    );
    this.#bar = new SelectionBar(
      context,
      () => ({
        sounds: this.#selected.size,
        selection: { rows: [...this.#selected], generation: this.#plot.map?.header.generation ?? 0 },
        labels: () => this.#selectedLabels(),
      }),
      () => {
        this.#select([]);
        // The bar had the focus, and is gone.
        this.#canvas.focus();
      },
    );
    this.#build();
  }

  reset(): void {
    this.#question++;
    this.#plot.map = undefined;
    this.#selected.clear();
    this.#hovered = -1;
    this.#status.textContent = '';
    this.#showEmpty();
    this.#legend.reset();
    this.#card.reset();
    this.#bar.update();
    this.#redraw();
  }

  async refresh(): Promise<void> {
    const { api } = this.#context;
    const question = ++this.#question;
    if (!api) return this.#showEmpty(...noMemory(this.#context));
    try {
      const known = this.#plot.map?.header;
      const map = await api.map(known);
      if (question !== this.#question) return;
      if (map) this.#setMap(map);
    } catch (error) {
      if (question === this.#question) this.#context.fail(error);
    }
  }

  playing(id: string, playing: boolean): void {
    if (this.#card.shown?.sound.id === id) this.#card.shown.setPlaying(playing);
  }

  #build(): void {
    const { text, canWrite } = this.#context;
    const tool = (name: string, title: string, run: () => void) =>
      button({ icon: name, title: text(title) }, run);
    const tools = element('div', {
      class: 'earmark-tools',
      role: 'toolbar',
      'aria-label': text('map.tools'),
    });
    if (canWrite) tools.append(this.#lassoButton);
    tools.append(
      tool('search-plus', 'map.closer', () => this.#zoom(1.5)),
      tool('search-minus', 'map.further', () => this.#zoom(1 / 1.5)),
      tool('arrows-alt', 'map.all', () => this.#fit()),
      this.#hearButton,
    );
    this.#setLasso(false);
    this.#setHearing(true);
    const canvas = this.#canvas;
    canvas.addEventListener('pointerdown', (event) => this.#pointerDown(event));
    canvas.addEventListener('pointermove', (event) => this.#pointerMove(event));
    canvas.addEventListener('pointerup', (event) => this.#pointerUp(event));
    canvas.addEventListener('pointerleave', () => this.#hover(-1));
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        this.#zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
      },
      { passive: false },
    );
    canvas.addEventListener('keydown', (event) => this.#key(event));
    new ResizeObserver(() => this.#resize()).observe(canvas);
    // The colours follow the theme.
    new MutationObserver(() => this.#redraw()).observe(document.documentElement, {
      attributeFilter: ['class'],
    });
    this.element.append(
      tools,
      element(
        'div',
        { class: 'earmark-map-ground' },
        canvas,
        this.#status,
        this.#empty,
        element('p', { id: 'earmark-map-keys', class: 'earmark-hidden' }, text('map.keys')),
      ),
      this.#card.element,
      this.#legend.element,
      this.#bar.element,
    );
  }

  #setMap(map: PackedMap): void {
    const { text } = this.#context;
    const first = this.#plot.map === undefined;
    const hoveredRow = this.#plot.map?.rows[this.#hovered];
    if (!first && this.#plot.map?.header.generation !== map.header.generation) this.#select([]);
    this.#card.forget();
    this.#plot.setMap(map);
    this.#hovered = hoveredRow === undefined ? -1 : map.rows.indexOf(hoveredRow);
    if (first) {
      this.#plot.resize();
      this.#plot.fit();
    }
    const { progress, points } = map.header;
    const percent = progress.total > 0 ? Math.floor((100 * progress.done) / progress.total) : 0;
    this.#status.textContent =
      progress.phase === 'ready'
        ? countText(text, points)
        : text(`map.${progress.phase}`, { percent, problem: progress.problem ?? '' });
    const none = points === 0 && progress.phase === 'ready';
    this.#showEmpty(...(none ? emptyState(text, 'empty.no-sounds') : []));
    this.#legend.draw(map.labels.reduce((count, label) => (label === 0 ? count + 1 : count), 0));
    this.#redraw();
    if (this.#card.shown && this.#hovered >= 0) void this.#showCard(this.#hovered);
  }

  #showEmpty(...content: HTMLElement[]): void {
    this.#empty.hidden = content.length === 0;
    this.#empty.replaceChildren(...content);
  }

  #pointerDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#canvas.focus();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#drag = { x: event.offsetX, y: event.offsetY, moved: false };
    const lasso = this.#lassoing || (event.shiftKey && this.#context.canWrite);
    this.#lasso = lasso ? [[event.offsetX, event.offsetY]] : [];
  }

  #pointerMove(event: PointerEvent): void {
    const { offsetX: x, offsetY: y } = event;
    if (!this.#drag) {
      this.#hover(this.#plot.nearest(x, y, hitRadius));
      return;
    }
    const [dx, dy] = [x - this.#drag.x, y - this.#drag.y];
    if (!this.#drag.moved && Math.hypot(dx, dy) < lassoStep) return;
    this.#drag = { x, y, moved: true };
    if (this.#lasso.length > 0) this.#lasso.push([x, y]);
    else this.#plot.pan(dx, dy);
    this.#redraw();
  }

  #pointerUp(event: PointerEvent): void {
    const drag = this.#drag;
    this.#drag = undefined;
    if (!drag) return;
    const lasso = this.#lasso;
    this.#lasso = [];
    if (drag.moved && lasso.length > 0) {
      const rows = this.#plot.inside(lasso).map((point) => this.#rowAt(point));
      this.#select(event.ctrlKey || event.metaKey ? [...this.#selected, ...rows] : rows);
      this.#context.announce(
        this.#context.text('selection.count', { sounds: countText(this.#context.text, this.#selected.size) }),
      );
      this.#setLasso(false);
    } else if (!drag.moved) {
      const point = this.#plot.nearest(event.offsetX, event.offsetY, hitRadius);
      if (point >= 0 && (event.ctrlKey || event.metaKey || event.shiftKey)) this.#toggle(point);
      else if (point >= 0) {
        this.#hover(point);
        void this.#showCard(point).then((sound) => sound && this.#card.shown?.play());
      }
    }
    this.#redraw();
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { canWrite } = this.#context;
    const go = (x: number, y: number) => () => this.#go(x, y);
    const keys: Record<string, (() => void) | false> = {
      ArrowRight: go(1, 0),
      ArrowLeft: go(-1, 0),
      ArrowDown: go(0, 1),
      ArrowUp: go(0, -1),
      '+': () => this.#zoom(1.5),
      '-': () => this.#zoom(1 / 1.5),
      '0': () => this.#fit(),
      ' ': () => this.#card.shown?.play(),
      x: canWrite && (() => this.#hovered >= 0 && this.#toggle(this.#hovered)),
      l: canWrite && (() => this.#labelHere()),
      Enter: canWrite && (() => this.#labelHere()),
      Escape: () => {
        this.#lasso = [];
        this.#select([]);
      },
    };
    const run = keys[event.key];
    if (!run) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  }

  #selectedLabels(): string[] {
    const { rows = [], labels = [], header } = this.#plot.map ?? {};
    return [...rows].flatMap((row, i) =>
      this.#selected.has(row) ? (header?.labels[(labels[i] ?? 0) - 1] ?? []) : [],
    );
  }

  /** From point to point by arrow keys. */
  #go(x: number, y: number): void {
    const { canvas } = this.#plot;
    const next =
      this.#hovered < 0
        ? this.#plot.nearest(canvas.clientWidth / 2, canvas.clientHeight / 2, 10_000)
        : this.#plot.towards(this.#hovered, x, y);
    if (next < 0) return;
    this.#plot.reveal(next);
    this.#hover(next, true);
  }

  /** Labels the selected sounds, or the one that is shown. */
  #labelHere(): void {
    if (this.#selected.size === 0 && this.#hovered >= 0) this.#toggle(this.#hovered);
    this.#bar.focus();
  }

  #hover(point: number, say = false): void {
    // Leaving a point keeps its card: its buttons must be reachable.
    if (point === this.#hovered || (point < 0 && this.#hovered < 0)) return;
    this.#hovered = point;
    this.#redraw();
    window.clearTimeout(this.#rest);
    if (point < 0) return;
    this.#rest = window.setTimeout(async () => {
      const sound = await this.#showCard(point);
      if (!sound || this.#hovered !== point) return;
      if (say) this.#context.announce(this.#card.shown?.name ?? '');
      if (this.#hearing) this.#card.shown?.play();
    }, restTime);
  }

  async #showCard(point: number): Promise<SoundSummary | undefined> {
    const { map } = this.#plot;
    if (!map) return undefined;
    const row = this.#rowAt(point);
    try {
      return await this.#card.show(row, map.header.generation, () => this.#rowAt(this.#hovered) === row);
    } catch (error) {
      // The map was rearranged: the next one is on its way.
      if (error instanceof RequestError && error.code === 'STALE_MAP') await this.refresh();
      else this.#context.fail(error);
      return undefined;
    }
  }

  #rowAt(point: number): number {
    return this.#plot.map?.rows[point] ?? -1;
  }

  #toggle(point: number): void {
    const row = this.#rowAt(point);
    const selected = new Set(this.#selected);
    if (!selected.delete(row)) selected.add(row);
    this.#select([...selected]);
  }

  #select(rows: number[]): void {
    this.#selected.clear();
    for (const row of rows) if (row >= 0) this.#selected.add(row);
    this.#bar.update();
    this.#redraw();
  }

  #setLasso(on: boolean): void {
    this.#lassoing = on;
    this.#lassoButton.setAttribute('aria-pressed', String(on));
    this.#canvas.classList.toggle('earmark-lasso', on);
  }

  #setHearing(on: boolean): void {
    this.#hearing = on;
    this.#hearButton.setAttribute('aria-pressed', String(on));
    if (!on) this.#context.player.stop();
  }

  #zoom(factor: number, x?: number, y?: number): void {
    this.#plot.zoom(factor, x, y);
    this.#redraw();
  }

  #fit(): void {
    this.#plot.fit();
    this.#redraw();
  }

  #resize(): void {
    const before = this.#canvas.width;
    if (!this.#plot.resize()) return;
    if (before <= 1 || this.#canvas.width <= 1) this.#plot.fit();
    this.#redraw();
  }

  /** At most once a frame, however much happens. */
  #redraw(): void {
    this.#frame ??= window.requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#plot.draw({
        hovered: this.#hovered,
        selected: (row) => this.#selected.has(row),
        label: this.#legend.only,
        lasso: this.#lasso,
      });
    });
  }
}
