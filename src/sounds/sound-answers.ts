// What `Sounds` answers: plain JSON, known to the server and to the browser.
import type { LabelSummary } from './catalogue.ts';
import type { MapProgress } from './map-progress.ts';
import type { SoundSummary } from './sound-summary.ts';

/** Why a memory does not open. */
export interface MemoryProblem {
  message: string;
  /** Whether it is tried again by itself. */
  retryable: boolean;
}

/** A memory of the deployed flows; one that does not open has no sounds. */
export interface MemorySummary {
  id: string;
  name: string;
  sounds: number;
  problem?: MemoryProblem;
}

export interface SoundPage {
  sounds: SoundSummary[];
  /** Give it to the next call with the same search. Absent on the last page. */
  cursor?: string;
}

/** Which sounds an action is for: by id, or by row on the map of that generation. */
export type SoundSelection = { ids: string[] } | { rows: number[]; generation: number };

export interface LabelOverview {
  labels: LabelSummary[];
  progress: MapProgress;
}

export interface Change {
  sounds: number;
  /** Whether it can be taken back. */
  undoable: boolean;
}

/** Where labelling pays most: see `suggest`. */
export interface Suggestions {
  /** While it is not `ready`, there are no suggestions yet. */
  progress: MapProgress;
  groups: { ids: string[]; thisWeek: number; examples: SoundSummary[]; guess?: string }[];
  uncertain: { sound: SoundSummary; labels: [string, string] }[];
  contradictions: { sound: SoundSummary; label: string; suggested: string }[];
}

/** The last action in the words that a button needs. */
export interface UndoSummary {
  kind: 'label' | 'refuse' | 'delete';
  label?: string;
  sounds: number;
}

/** One message of the live feed: something changed, so ask. It carries no sounds: whoever may not read gets nothing from it. */
export interface SoundsNotice {
  /** The memory's id; absent when a memory came or went. */
  memory?: string;
  /** Nothing changed but the sounds that were heard and are not stored. */
  heard?: true;
}
