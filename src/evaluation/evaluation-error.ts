import { EarmarkError } from '../errors.ts';

export type EvaluationErrorCode =
  /** The manifest cannot be read. */
  | 'MANIFEST'
  /** Too few clips, labels or groups for anything to be compared. */
  | 'TOO_FEW'
  | 'CANCELLED';

export class EvaluationError extends EarmarkError<EvaluationErrorCode> {}
