// Counts, times and shares as people write them.
import type { Translate } from './sidebar-context.ts';

// The language of the texts, in the variety that the browser prefers: not every English has "AM".
const editorLanguage = RED.i18n.lang();
const isSame = (language: string) => language.split('-')[0] === editorLanguage.split('-')[0];
const language = navigator.languages.find(isSame) ?? editorLanguage;
// Made once: it takes a browser longer to make one than to draw a row.
const numbers = new Intl.NumberFormat(language);
const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short' });
const dayOfYear = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', year: 'numeric' });
const tenths = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const dayAndClock = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });

export function countText(text: Translate, sounds: number): string {
  return sounds === 1 ? text('count.one') : text('count.many', { n: numberText(sounds) });
}

export function numberText(number: number): string {
  return numbers.format(number);
}

/** "12:03" today, with the date on other days, and the year in other years. */
export function timeText(milliseconds: number): string {
  const date = new Date(milliseconds);
  const now = new Date();
  const time = clock.format(date);
  if (date.toDateString() === now.toDateString()) return time;
  return `${(date.getFullYear() === now.getFullYear() ? day : dayOfYear).format(date)} ${time}`;
}

/** With the year and the seconds. */
export function wholeTimeText(milliseconds: number): string {
  return dayAndClock.format(milliseconds);
}

export function lengthText(seconds: number): string {
  return seconds < 60 ? `${tenths.format(seconds)}\u00a0s` : `${Math.round(seconds / 60)}\u00a0min`;
}

export function percentText(similarity: number): string {
  return `${Math.round(100 * similarity)}\u00a0%`;
}
