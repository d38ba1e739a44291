import type { StoredPattern } from '../pattern.ts';
import { type HeardSound, heardBytes } from './heard-sounds.ts';
import type { Naming } from './naming.ts';
import type { UndoSummary } from './sound-answers.ts';

export interface NamingChange {
  id: string;
  before: Naming;
  after: Naming;
  /** Was only heard before, and stored with its name. */
  heard?: HeardSound;
}

/** What was done, in a form that can be taken back. */
export type UndoableAction =
  | {
      kind: 'label';
      /** The label that was set; absent where labels were taken away. */
      label?: string;
      changes: NamingChange[];
    }
  | {
      kind: 'refuse';
      /** What the sounds were said not to be. */
      label: string;
      changes: NamingChange[];
    }
  | {
      kind: 'delete';
      sounds: { stored: StoredPattern; clip?: Uint8Array }[];
      /** Those that were only heard. */
      heard: HeardSound[];
    };

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
    const summary: UndoSummary = { kind: action.kind, sounds: soundsOf(action) };
    if (action.kind !== 'delete' && action.label !== undefined) summary.label = action.label;
    return summary;
  }
}

/** How many sounds an action was about, as people count them. */
export function soundsOf(action: UndoableAction): number {
  if (action.kind === 'delete') return action.sounds.length + action.heard.length;
  if (action.kind === 'refuse') return action.changes.length;
  // A counterexample follows the name of its label, but is not named.
  return action.changes.filter(({ before, after }) => before.label !== after.label).length;
}

/** Roughly what an action holds in memory. */
function size(action: UndoableAction): number {
  const sum = (bytes: number[]) => bytes.reduce((all, one) => all + one, 0);
  const heard = (sound: HeardSound | undefined) => (sound ? 1000 + heardBytes(sound) : 0);
  if (action.kind !== 'delete') return sum(action.changes.map((change) => 400 + heard(change.heard)));
  const stored = action.sounds.map(
    ({ stored, clip }) => 1000 + stored.pattern.features.byteLength + (clip?.byteLength ?? 0),
  );
  return sum([...stored, ...action.heard.map(heard)]);
}
