import type { SoundSummary } from '../../../src/sounds/sound-summary.ts';
import { element } from './dom.ts';
import type { SidebarContext } from './sidebar-context.ts';
import { SoundRow } from './sound-row.ts';

const rememberedSounds = 500;

/** The sound that is pointed at, below the map. */
export class MapCard {
  readonly element = element('div', { class: 'earmark-map-card' });
  readonly #context: SidebarContext;
  readonly #hint: HTMLElement;
  readonly #sounds = new Map<number, SoundSummary>();
  #row: SoundRow | undefined;

  constructor(context: SidebarContext) {
    this.#context = context;
    this.#hint = element('p', { class: 'earmark-map-hint' }, context.text('map.hint'));
    this.element.append(this.#hint);
  }

  /** What is shown. */
  get shown(): SoundRow | undefined {
    return this.#row;
  }

  reset(): void {
    this.forget();
    this.#row = undefined;
    this.element.replaceChildren(this.#hint);
  }

  /** The map was arranged anew: its rows mean other sounds. */
  forget(): void {
    this.#sounds.clear();
  }

  /**
   * Fetches the sound of a row and shows it while `wanted` holds: others may have been pointed at meanwhile.
   * @throws RequestError `STALE_MAP` when the map was rearranged.
   */
  async show(row: number, generation: number, wanted: () => boolean): Promise<SoundSummary | undefined> {
    const { api } = this.#context;
    const sound = this.#sounds.get(row) ?? (await api?.soundsAt([row], generation))?.[0];
    if (!sound || !api) return undefined;
    this.#sounds.set(row, sound);
    if (this.#sounds.size > rememberedSounds) this.#sounds.delete(this.#sounds.keys().next().value ?? row);
    if (!wanted()) return sound;
    if (this.#row?.sound.id === sound.id) this.#row.update(sound);
    else {
      this.#row = new SoundRow(this.#context, sound, 'alone');
      this.element.replaceChildren(this.#row.element);
    }
    const shown = this.#row;
    const [details] = await api.details([sound.id]);
    if (details) shown.setDetails(details);
    return sound;
  }
}
