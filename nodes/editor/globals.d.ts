import type { EditorRED } from 'node-red';

declare global {
  /** The editor's own object, a global of the page. */
  const RED: EditorRED;
}
