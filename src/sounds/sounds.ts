import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PatternMetadata, StoredPattern } from '../pattern.ts';
import type { FeatureStorage, StorageError } from '../storage/index.ts';
import { refusedLabels } from '../storage/refused-labels.ts';
import { type ClipPicture, clipPicture } from './clip-picture.ts';
import { cosine } from './cosine.ts';
import { type HeardSound, HeardSounds, summariseHeard } from './heard-sounds.ts';
import { isSameNaming, type Naming, naming, namingOf } from './naming.ts';
import { packMap } from './packed-map.ts';
import type { SoundSearch } from './search-text.ts';
import type {
  Change,
  LabelOverview,
  SoundPage,
  SoundSelection,
  Suggestions,
  UndoSummary,
} from './sound-answers.ts';
import { SoundError } from './sound-error.ts';
import { SoundMap } from './sound-map.ts';
import { type SoundDetails, type SoundSummary, summarise } from './sound-summary.ts';
import { type NamingChange, soundsOf, type UndoableAction, UndoLog } from './undo-log.ts';

const pageSize = 30;
/** Of a search that the memory cannot answer by itself, so many sounds are looked at before an answer is given. */
const scannedPerPage = 3000;
/** Updates that are on their way to the memory at once; it commits them together. */
const updatesAtOnce = 64;
const picturesKept = 500;
/** Without a likeness learnt from labels, two sounds of this cosine count as the same. */
const likenessOfSame = 0.8;
const week = 7 * 86_400_000;
/** The map is given up when nobody has looked at it for this long. */
const mapIdleTime = 15 * 60_000;
/** A map that failed is tried again after this time. */
const mapRetryTime = 30_000;
/** Rows of deleted sounds, beyond as many as there are sounds, before the rows are numbered anew. */
const mostHoles = 10_000;
const examplesPerGroup = 3;

/**
 * What the Sounds sidebar does with a memory: lists, pictures, labels, the map, suggestions, and undo. It knows
 * nothing of Node-RED or HTTP. Methods reject with a `SoundError` or the memory's `StorageError`.
 *
 * An id may be that of a sound that was only heard: naming or refusing such a one stores it.
 */
export class Sounds {
  readonly heard: HeardSounds;
  readonly #memory: FeatureStorage;
  readonly #undo = new UndoLog();
  readonly #pictures = new Map<string, ClipPicture>();
  #map: SoundMap | undefined;
  #generation = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(memory: FeatureStorage) {
    this.#memory = memory;
    this.heard = new HeardSounds(memory);
  }

  /** The next sounds of a search. `limit` in its query is not used. */
  async page({ query, unlabelled }: SoundSearch, cursor?: string): Promise<SoundPage> {
    const sounds: SoundSummary[] = [];
    let next = cursor;
    for (let scanned = 0; scanned < scannedPerPage && sounds.length < pageSize; scanned += pageSize) {
      const page = await this.#memory.pagePatterns(
        { ...query, limit: pageSize },
        next === undefined ? {} : { cursor: next },
      );
      const wanted = page.patterns.filter(({ metadata }) => !unlabelled || metadata.label === undefined);
      sounds.push(...wanted.map(summarise));
      next = page.cursor;
      if (next === undefined) return { sounds };
    }
    return next === undefined ? { sounds } : { sounds, cursor: next };
  }

  /** What was just heard and is not stored, newest first, by the names of now. */
  async justHeard(): Promise<SoundSummary[]> {
    const sounds = await Promise.all(this.heard.newestFirst().map((heard) => this.#renamed(heard)));
    return sounds.map(summariseHeard);
  }

  /** Pictures, loudness and best match of listed sounds; those that are gone are left out. */
  async details(ids: string[]): Promise<SoundDetails[]> {
    const map = this.#openMap();
    const rows = ids.map((id) => map.catalogue.rowOf(id) ?? -1);
    const nearest = await map.nearestLabelled(rows).catch((error: SoundError) => {
      if (error.code === 'NOT_READY') return [];
      throw error;
    });
    const details: SoundDetails[] = [];
    for (const [i, id] of ids.entries()) {
      const found = this.heard.get(id);
      const heard = found && (await this.#renamed(found));
      const stored = heard ?? (await this.#memory.getPatternById(id));
      if (!stored) continue;
      const clip = heard ? heard.clip : await this.#memory.getClip(id);
      const sound = heard ? summariseHeard(heard) : summarise(stored);
      const detail: SoundDetails = { sound, playable: clip !== undefined, ...this.#picture(stored, clip) };
      const match = heard ? heard.answer.match : await this.#bestMatch(stored, nearest[i] ?? []);
      if (match) detail.match = match;
      details.push(detail);
      await nextTurn();
    }
    return details;
  }

  async getClip(id: string): Promise<Uint8Array | undefined> {
    const heard = this.heard.get(id);
    return heard ? heard.clip : this.#memory.getClip(id);
  }

  labels(): LabelOverview {
    const map = this.#openMap();
    return { labels: map.catalogue.labels(), progress: map.progress };
  }

  /** The whole map in one piece (`packMap`), or undefined when it is still the one of `known`. */
  map(known?: { generation: number; revision: number }): Uint8Array<ArrayBuffer> | undefined {
    const map = this.#openMap();
    if (known?.generation === this.#generation && known.revision === map.revision) return undefined;
    return packMap(map, this.#generation);
  }

  /** @throws SoundError STALE_MAP */
  async soundsAt(rows: number[], generation: number): Promise<SoundSummary[]> {
    return this.#summaries(this.#idsAt({ rows, generation }));
  }

  async suggestions(): Promise<Suggestions> {
    const map = this.#openMap();
    const { catalogue, progress } = map;
    if (progress.phase !== 'ready' || catalogue.size === 0) {
      return { progress, groups: [], uncertain: [], contradictions: [] };
    }
    const suggestions = await map.suggestions();
    const label = (number: number) => catalogue.labelNames[number] as string;
    const since = Date.now() - week;
    const groups = suggestions.groups.map(async ({ rows, guess }) => {
      const ids = rows.map((row) => catalogue.idOf(row)).filter((id) => id !== undefined);
      const examples = await this.#summaries(ids.slice(0, examplesPerGroup));
      const thisWeek = rows.filter((row) => catalogue.createdAt(row) >= since).length;
      return { ids, thisWeek, examples, ...(guess === undefined ? {} : { guess: label(guess) }) };
    });
    const single = async <T>(row: number, more: T) => {
      const stored = await this.#soundOf(row);
      return stored && { sound: summarise(stored), ...more };
    };
    const uncertain = suggestions.uncertain.map(({ row, labels: [one, other] }) =>
      single(row, { labels: [label(one), label(other)] as [string, string] }),
    );
    const contradictions = suggestions.contradictions.map((found) =>
      single(found.row, { label: label(found.label), suggested: label(found.suggested) }),
    );
    return {
      progress,
      groups: (await Promise.all(groups)).filter(({ examples }) => examples.length > 0),
      uncertain: (await Promise.all(uncertain)).filter((found) => found !== undefined),
      contradictions: (await Promise.all(contradictions)).filter((found) => found !== undefined),
    };
  }

  /** Sets the label of all selected sounds, or takes it away. Sounds that are gone are left out. */
  async label(selection: SoundSelection, label: string | undefined): Promise<Change> {
    const labelled = label === undefined ? {} : { label };
    return this.#rename({ kind: 'label', ...labelled, changes: [] }, this.#idsAt(selection), (known) =>
      naming(label, refusedLabels(known)),
    );
  }

  /** Says of all selected sounds that they are not what `label` means; where it is their label, that goes. */
  async refuse(selection: SoundSelection, label: string): Promise<Change> {
    return this.#rename({ kind: 'refuse', label, changes: [] }, this.#idsAt(selection), (known) =>
      naming(known.label === label ? undefined : known.label, [...refusedLabels(known), label]),
    );
  }

  /**
   * Gives all sounds of a label another one; with the name of a label that is there, the two become one. What was
   * said not to be the one is then said not to be the other.
   */
  async rename(from: string, to: string): Promise<Change> {
    const ids = new Set<string>();
    for (const query of [{ label: from }, { notLabel: from }]) {
      for await (const { pattern } of this.#memory.iteratePatterns(query)) ids.add(pattern.id);
    }
    const renamed = (label: string) => (label === from ? to : label);
    return this.#rename({ kind: 'label', label: to, changes: [] }, [...ids], (known) =>
      naming(known.label && renamed(known.label), refusedLabels(known).map(renamed)),
    );
  }

  async remove(selection: SoundSelection): Promise<Change> {
    const action: UndoableAction & { kind: 'delete' } = { kind: 'delete', sounds: [], heard: [] };
    try {
      for (const id of this.#idsAt(selection)) {
        const heard = this.heard.remove(id);
        if (heard) action.heard.push(heard);
        const stored = heard ? undefined : await this.#memory.getPatternById(id);
        if (!stored) continue;
        const clip = await this.#memory.getClip(id);
        if (await this.#memory.deletePattern(id)) action.sounds.push(clip ? { stored, clip } : { stored });
      }
    } catch (error) {
      this.#remember(action);
      throw error;
    }
    return this.#remember(action);
  }

  get undoable(): UndoSummary | undefined {
    return this.#undo.last;
  }

  /** Takes the last action back. @throws SoundError NOTHING_TO_UNDO */
  async undo(): Promise<UndoSummary> {
    const summary = this.#undo.last;
    const action = this.#undo.pop();
    if (!summary || !action) throw new SoundError('NOTHING_TO_UNDO', 'There is nothing left to undo.');
    try {
      if (action.kind !== 'delete') {
        const changes = new Map(action.changes.map((change) => [change.id, change]));
        for (const { heard, after } of action.changes) if (heard) await this.#unstore(heard, after);
        // What somebody changed since is left alone.
        await this.#change([...changes.keys()], [], (known, id) => {
          const { heard, before, after } = changes.get(id) as NamingChange;
          return !heard && isSameNaming(known, after) ? before : known;
        });
      } else {
        for (const heard of action.heard) this.heard.putBack(heard);
        await this.#memory.storePatterns(
          action.sounds.map(({ stored: { pattern, metadata }, clip }) =>
            clip ? { pattern, metadata, clip } : { pattern, metadata },
          ),
        );
      }
    } catch (error) {
      // It holds the only copy of what was deleted.
      this.#undo.push(action);
      throw error;
    }
    return summary;
  }

  async close(): Promise<void> {
    this.heard.close();
    await this.#closeMap();
  }

  async #closeMap(): Promise<void> {
    clearTimeout(this.#idle);
    const map = this.#map;
    this.#map = undefined;
    await map?.close();
  }

  /** The map, read from the memory on first use and again after a long rest or many deletions. */
  #openMap(): SoundMap {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.#closeMap(), mapIdleTime);
    this.#idle.unref();
    const { catalogue, progress } = this.#map ?? {};
    const failed = progress?.failedAt !== undefined && Date.now() - progress.failedAt > mapRetryTime;
    if (failed || (catalogue && catalogue.rows > 2 * catalogue.size + mostHoles)) {
      void this.#map?.close();
      this.#map = undefined;
    }
    if (!this.#map) {
      this.#map = new SoundMap(this.#memory, likenessOfSame);
      this.#generation++;
    }
    return this.#map;
  }

  #idsAt(selection: SoundSelection): string[] {
    if ('ids' in selection) return selection.ids;
    const map = this.#openMap();
    if (selection.generation !== this.#generation) {
      throw new SoundError('STALE_MAP', 'The map was rearranged. Select the sounds again.');
    }
    return selection.rows.map((row) => map.catalogue.idOf(row)).filter((id) => id !== undefined);
  }

  async #summaries(ids: string[]): Promise<SoundSummary[]> {
    const found = await Promise.all(ids.map((id) => this.#memory.getPatternById(id)));
    return found.filter((stored) => stored !== undefined).map(summarise);
  }

  /** Changes names, and remembers what was done also where it fails half-way. */
  async #rename(
    action: UndoableAction & { changes: NamingChange[] },
    ids: string[],
    wanted: (known: Naming) => Naming,
  ): Promise<Change> {
    try {
      await this.#change(ids, action.changes, wanted);
    } catch (error) {
      this.#remember(action);
      throw error;
    }
    return this.#remember(action);
  }

  /** Names each sound as `wanted` makes of how it is named now, and adds what that changed to `changes`. */
  async #change(
    ids: string[],
    changes: NamingChange[],
    wanted: (known: Naming, id: string) => Naming,
  ): Promise<void> {
    const one = async (id: string) => {
      const heard = this.heard.get(id);
      const stored = heard ?? (await this.#memory.getPatternById(id));
      if (!stored) return;
      const before = namingOf(stored.metadata);
      const after = wanted(before, id);
      if (isSameNaming(before, after)) return;
      if (heard) {
        const { pattern, metadata, clip } = heard;
        await this.#memory.storePattern(pattern, { ...metadata, ...after }, clip && { clip });
      } else {
        const metadata = { label: undefined, notLabel: undefined, ...after };
        try {
          await this.#memory.updatePattern(id, { metadata: metadata as Partial<PatternMetadata> });
        } catch (error) {
          // Deleted since it was read, perhaps by retention; the others are named all the same.
          if ((error as StorageError).code === 'NOT_FOUND') return;
          throw error;
        }
      }
      changes.push({ id, before, after, ...(heard && { heard }) });
    };
    for (let i = 0; i < ids.length; i += updatesAtOnce) {
      const done = await Promise.allSettled(ids.slice(i, i + updatesAtOnce).map(one));
      const failed = done.find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    }
  }

  /** Where its name is not in use any more, it was recognised by what the sound that came nearest is called now. */
  async #renamed(heard: HeardSound): Promise<HeardSound> {
    const { match, label } = heard.answer;
    if (match === undefined) return heard;
    const now = (await this.#memory.getPatternById(match.id))?.metadata.label;
    if (now === undefined || now === match.label) return heard;
    if ((await this.#memory.countPatterns({ label: match.label })) > 0) return heard;
    const answer = { ...heard.answer, match: { ...match, label: now } };
    return { ...heard, answer: label === match.label ? { ...answer, label: now } : answer };
  }

  /** What was only heard is only heard again, unless somebody changed it since. */
  async #unstore(heard: HeardSound, named: Naming): Promise<void> {
    const { id } = heard.pattern;
    const stored = await this.#memory.getPatternById(id);
    if (!stored || !isSameNaming(namingOf(stored.metadata), named)) return;
    if (await this.#memory.deletePattern(id)) this.heard.putBack(heard);
  }

  #remember(action: UndoableAction): Change {
    const something = action.kind === 'delete' ? soundsOf(action) > 0 : action.changes.length > 0;
    return { sounds: soundsOf(action), undoable: something && this.#undo.push(action) };
  }

  #picture({ pattern, metadata }: StoredPattern, clip: Uint8Array | undefined): Partial<ClipPicture> {
    if (!clip) return typeof metadata.level === 'number' ? { loudness: metadata.level } : {};
    const key = `${pattern.id} ${metadata.createdAt}`;
    const known = this.#pictures.get(key) ?? clipPicture(clip);
    if (!known) return {};
    // Taken out and put back: the Map's order is then that of use.
    this.#pictures.delete(key);
    this.#pictures.set(key, known);
    if (this.#pictures.size > picturesKept) this.#pictures.delete(this.#pictures.keys().next().value ?? '');
    return known;
  }

  /** Undefined where it is gone since the row was named. */
  async #soundOf(row: number): Promise<StoredPattern | undefined> {
    const id = this.#map?.catalogue.idOf(row);
    return id === undefined ? undefined : this.#memory.getPatternById(id);
  }

  /** Candidates come from shortened vectors; the similarity that is shown is that of the whole ones. */
  async #bestMatch({ pattern, metadata }: StoredPattern, rows: number[]): Promise<SoundDetails['match']> {
    const refused = refusedLabels(metadata);
    let best: SoundDetails['match'];
    for (const row of rows) {
      const other = await this.#soundOf(row);
      if (!other || other.metadata.label === undefined || other.pattern.id === pattern.id) continue;
      if (refused.includes(other.metadata.label)) continue;
      const similarity = cosine(pattern.features, other.pattern.features);
      if (similarity > (best?.similarity ?? 0)) {
        best = { id: other.pattern.id, label: other.metadata.label, similarity };
      }
    }
    return best;
  }
}
