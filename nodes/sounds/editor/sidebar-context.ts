import type { SoundSelection } from '../../../src/sounds/sound-answers.ts';
import type { Player } from './player.ts';
import type { LabelSummary, MemorySummary, SoundsApi } from './sounds-api.ts';

/** A text of the catalogue, filled in. */
export type Translate = (key: string, values?: Record<string, string | number>) => string;

export type ClosedMemory = MemorySummary & Required<Pick<MemorySummary, 'problem'>>;

/** What the parts of the sidebar share. */
export interface SidebarContext {
  /** The memory that is shown; absent while none is open. */
  readonly api: SoundsApi | undefined;
  /** The memory that is chosen and does not open. */
  readonly closed: ClosedMemory | undefined;
  readonly text: Translate;
  readonly canWrite: boolean;
  readonly player: Player;
  /** The labels in use, the commonest first. */
  readonly labels: LabelSummary[];
  /** Says something to eyes and to screen readers, for a few seconds. */
  announce(message: string): void;
  /** Shows what went wrong. */
  fail(error: unknown): void;
  /** Labels, or with an empty text takes labels away; then everything shown is up to date. */
  label(selection: SoundSelection, label: string): Promise<void>;
  /** Says that the sounds are not what this label means. */
  refuse(selection: SoundSelection, label: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(selection: SoundSelection): Promise<void>;
  undo(): Promise<void>;
  /** Shows the sounds of a search in the list. */
  search(text: string): void;
  /** Plays, and says so when there is no clip. */
  play(id: string): void;
}

/** A tab of the sidebar. */
export interface SidebarView {
  readonly element: HTMLElement;
  /** Forgets what it shows: it was of another memory. */
  reset(): void;
  /** Brings what is shown up to date. */
  refresh(): Promise<void>;
  /** The user has said what is to become of these. */
  settle?(selection: SoundSelection): void;
  /** A sound began or ended to be heard. */
  playing?(id: string, playing: boolean): void;
}

/** The file's or the device's own name; the whole source is in the tooltip. */
export function sourceText(sourceId: string): string {
  return sourceId.split(/[\\/]/).filter(Boolean).at(-1) ?? sourceId;
}
