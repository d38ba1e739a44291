import type { SoundSelection } from '../../../src/sounds/sound-answers.ts';
import type { Player } from './player.ts';
import type { LabelSummary, SoundsApi } from './sounds-api.ts';

/** A text of the catalogue, filled in. */
export type Translate = (key: string, values?: Record<string, string | number>) => string;

/** What the parts of the sidebar share. */
export interface SidebarContext {
  /** The memory that is shown; absent while none is deployed. */
  readonly api: SoundsApi | undefined;
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
  /** A sound began or ended to be heard. */
  playing?(id: string, playing: boolean): void;
}

export function countText(text: Translate, sounds: number): string {
  return sounds === 1 ? text('count.one') : text('count.many', { n: sounds.toLocaleString() });
}

// Made once: it takes a browser longer to make one than to draw a row.
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const tenths = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** "12:03" today, with the date on other days. */
export function timeText(milliseconds: number): string {
  const date = new Date(milliseconds);
  const time = clock.format(date);
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${day.format(date)} ${time}`;
}

/** With the year and the seconds. */
export function wholeTimeText(milliseconds: number): string {
  return dayAndClock.format(milliseconds);
}

/** The file's or the device's own name; the whole source is in the tooltip. */
export function sourceText(sourceId: string): string {
  return sourceId.split(/[\\/]/).filter(Boolean).at(-1) ?? sourceId;
}

export function lengthText(seconds: number): string {
  return seconds < 60 ? `${tenths.format(seconds)}\u00a0s` : `${Math.round(seconds / 60)}\u00a0min`;
}

export function percentText(similarity: number): string {
  return `${Math.round(100 * similarity)}\u00a0%`;
}
