import type { StoredPattern } from '../pattern.ts';
import type { UndoSummary } from './sound-answers.ts';

/** What was done, in a form that can be taken back. */
export type UndoableAction =
  | {
      kind: 'label';
      /** The label that was set; absent where labels were taken away. */
      label?: string;
      /** What each sound was called before. */
      before: { id: string; label?: string }[];
    }
  | { kind: 'delete'; sounds: { stored: StoredPattern; clip?: Uint8Array }[] };

const mostActions = 50;
const mostBytes = 64 * 2 ** 20;

/** The last actions of a memory's users, newest last; the oldest are forgotten when it grows beyond its bounds. */
export class UndoLog {
  readonly #actions: { action: UndoableAction; bytes: number }[] = [];
  #bytes = 0;

  /** Returns false for an action that is too big to be kept: it cannot be taken back, nor what was before it. */
  push(action: UndoableAction): boolean {
    const bytes = size(action);
    this.#actions.push({ action, bytes });
    this.#bytes += bytes;
    while (this.#actions.length > mostActions || this.#bytes > mostBytes) {
      this.#bytes -= this.#actions.shift()?.bytes ?? 0;
    }
    return this.#actions.length > 0;
  }

  pop(): UndoableAction | undefined {
    const last = this.#actions.pop();
    this.#bytes -= last?.bytes ?? 0;
    return last?.action;
  }

  get last(): UndoSummary | undefined {
    const action = this.#actions.at(-1)?.action;
    if (!action) return undefined;
    if (action.kind === 'delete') return { kind: 'delete', sounds: action.sounds.length };
    const summary: UndoSummary = { kind: 'label', sounds: action.before.length };
    if (action.label !== undefined) summary.label = action.label;
    return summary;
  }
}

/** Roughly what an action holds in memory. */
function size(action: UndoableAction): number {
  if (action.kind === 'label') return action.before.length * 200;
  return action.sounds.reduce(
    (sum, { stored, clip }) => sum + 1000 + stored.pattern.features.byteLength + (clip?.byteLength ?? 0),
    0,
  );
}
