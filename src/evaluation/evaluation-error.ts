import { EarmarkError } from '../errors.ts';

export type EvaluationErrorCode =
  /** The manifest cannot be read. */
  'MANIFEST' | 'CANCELLED';

export class EvaluationError extends EarmarkError<EvaluationErrorCode> {}
