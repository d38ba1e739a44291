import { EarmarkError } from '../src/errors.ts';

export type NodeErrorCode =
  /** No bridge or memory is chosen in the dialog, or the chosen one is disabled. */
  | 'NOT_SET_UP'
  /** The message does not hold what the node needs. */
  | 'BAD_MESSAGE'
  /** The node's queue is full and its policy is to report that. */
  | 'QUEUE_FULL'
  /** A fault of Earmark itself. */
  | 'INTERNAL';

/** What goes wrong in a node itself; everything else arrives with the code of its own area. */
export class NodeError extends EarmarkError<NodeErrorCode> {}

/** Whatever was thrown, as an error that carries a code: Catch nodes sort by it. */
export function codedError(thrown: unknown): EarmarkError {
  if (thrown instanceof EarmarkError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new NodeError('INTERNAL', message, { cause: thrown });
}
