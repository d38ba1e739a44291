import type { SoundsApi } from './sounds-api.ts';

const keptClips = 24;

/** Plays one sound at a time and keeps the last clips at hand. */
export class Player {
  /** The sound that is heard now. */
  playing: string | undefined;
  readonly #api: () => SoundsApi | undefined;
  readonly #changed: (id: string, playing: boolean) => void;
  readonly #audio = new Audio();
  /** Object URLs by id, the least recently used first. */
  readonly #clips = new Map<string, string>();

  constructor(api: () => SoundsApi | undefined, changed: (id: string, playing: boolean) => void) {
    this.#api = api;
    this.#changed = changed;
    for (const end of ['ended', 'pause', 'error']) this.#audio.addEventListener(end, () => this.#ended());
  }

  /** Plays the sound, or stops it when it is the one that is heard. Rejects when there is no clip. */
  async toggle(id: string): Promise<void> {
    if (this.playing === id) this.stop();
    else await this.play(id);
  }

  async play(id: string): Promise<void> {
    this.stop();
    this.playing = id;
    this.#changed(id, true);
    try {
      const url = await this.#clip(id);
      // Another one was chosen while this one was fetched.
      if (this.playing !== id) return;
      this.#audio.src = url;
      await this.#audio.play();
    } catch (error) {
      if (this.playing === id) this.#ended();
      // A sound that was stopped before it began is no failure.
      if ((error as Error).name !== 'AbortError') throw error;
    }
  }

  stop(): void {
    if (this.playing === undefined) return;
    this.#audio.pause();
    this.#ended();
  }

  /** Its sound is another one now. */
  forget(id: string): void {
    const key = this.#key(id);
    const known = this.#clips.get(key);
    if (known === undefined) return;
    this.#clips.delete(key);
    // What is heard now is heard to its end.
    if (this.playing !== id) URL.revokeObjectURL(known);
  }

  #ended(): void {
    const id = this.playing;
    this.playing = undefined;
    if (id !== undefined) this.#changed(id, false);
  }

  async #clip(id: string): Promise<string> {
    const api = this.#api();
    const key = this.#key(id);
    const known = this.#clips.get(key);
    if (known) {
      this.#clips.delete(key);
      this.#clips.set(key, known);
      return known;
    }
    if (!api) throw new Error('no memory');
    const url = URL.createObjectURL(await api.clip(id));
    this.#clips.set(key, url);
    const oldest = this.#clips.entries().next().value;
    if (this.#clips.size > keptClips && oldest) {
      this.#clips.delete(oldest[0]);
      URL.revokeObjectURL(oldest[1]);
    }
    return url;
  }

  #key(id: string): string {
    return `${this.#api()?.memory} ${id}`;
  }
}
