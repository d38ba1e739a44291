import type { LabelSummary } from '../../../src/sounds/catalogue.ts';
import { type PackedMap, unpackMap } from '../../../src/sounds/packed-map.ts';
import type { SoundSearch } from '../../../src/sounds/search-text.ts';
import type {
  Change,
  LabelOverview,
  MemorySummary,
  SoundPage,
  SoundSelection,
  Suggestions,
  UndoSummary,
} from '../../../src/sounds/sound-answers.ts';
import type { SoundDetails, SoundSummary } from '../../../src/sounds/sound-summary.ts';

export type { LabelSummary, MemorySummary };

/** What the server said no with. */
export class RequestError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const deadline = 30_000;

/** The admin routes of one memory. Through jQuery, which carries the editor's access token. */
export class SoundsApi {
  readonly memory: string;

  constructor(memory: string) {
    this.memory = memory;
  }

  static memories(): Promise<MemorySummary[]> {
    return request<MemorySummary[]>({ url: 'earmark/memories' });
  }

  page({ query, unlabelled }: SoundSearch, cursor?: string): Promise<SoundPage> {
    const data: Record<string, string> = { query: JSON.stringify(query) };
    if (unlabelled) data.unlabelled = 'true';
    if (cursor !== undefined) data.cursor = cursor;
    return request<SoundPage>({ url: this.#url('sounds'), data });
  }

  /** What was heard and is not stored, newest first. */
  heard(): Promise<{ sounds: SoundSummary[] }> {
    return request({ url: this.#url('heard') });
  }

  details(ids: string[]): Promise<SoundDetails[]> {
    return this.#post('details', { ids });
  }

  clip(id: string): Promise<Blob> {
    return request<Blob>({
      url: this.#url(`sounds/${encodeURIComponent(id)}/clip`),
      xhrFields: { responseType: 'blob' },
      processData: false,
    });
  }

  labels(): Promise<LabelOverview> {
    return request<LabelOverview>({ url: this.#url('labels') });
  }

  /** Undefined when the map is still the one that is known. */
  async map(known?: { generation: number; revision: number }): Promise<PackedMap | undefined> {
    const bytes = await request<ArrayBuffer | undefined>({
      url: this.#url('map'),
      data: known ? { generation: known.generation, revision: known.revision } : {},
      xhrFields: { responseType: 'arraybuffer' },
    });
    return bytes && bytes.byteLength > 0 ? unpackMap(bytes) : undefined;
  }

  soundsAt(rows: number[], generation: number): Promise<SoundSummary[]> {
    return this.#post('map/sounds', { rows, generation });
  }

  suggestions(): Promise<Suggestions> {
    return request<Suggestions>({ url: this.#url('suggestions') });
  }

  async undoable(): Promise<UndoSummary | undefined> {
    const { last } = await request<{ last: UndoSummary | null }>({ url: this.#url('undo') });
    return last ?? undefined;
  }

  label(selection: SoundSelection, label: string): Promise<Change> {
    return this.#post('label', { ...selection, label });
  }

  refuse(selection: SoundSelection, label: string): Promise<Change> {
    return this.#post('refuse', { ...selection, label });
  }

  rename(from: string, to: string): Promise<Change> {
    return this.#post('rename', { from, to });
  }

  remove(selection: SoundSelection): Promise<Change> {
    return this.#post('delete', selection);
  }

  undo(): Promise<UndoSummary> {
    return this.#post('undo', {});
  }

  #url(path: string): string {
    // Relative: Node-RED may live under another root than "/".
    return `earmark/memories/${encodeURIComponent(this.memory)}/${path}`;
  }

  #post<T>(path: string, body: object): Promise<T> {
    return request<T>({
      url: this.#url(path),
      method: 'POST',
      contentType: 'application/json',
      data: JSON.stringify(body),
    });
  }
}

function request<T>(settings: JQuery.AjaxSettings & { url: string }): Promise<T> {
  return new Promise((resolve, reject) => {
    $.ajax({ timeout: deadline, ...settings })
      .done((answer) => resolve(answer as T))
      .fail((answer: JQuery.jqXHR) => {
        const said = answer.responseJSON as { code?: string; message?: string } | undefined;
        reject(new RequestError(answer.status, said?.code ?? '', said?.message ?? answer.statusText));
      });
  });
}
