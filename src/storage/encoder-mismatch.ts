import type { EncoderIdentity } from '../pattern.ts';
import { StorageError } from './storage-error.ts';

/** @throws StorageError `ENCODER_MISMATCH` where the vectors of the two cannot be compared. */
export function refuseOtherEncoder(filledBy: EncoderIdentity, given: EncoderIdentity): void {
  if (filledBy.name === given.name && filledBy.revision === given.revision) return;
  throw new StorageError(
    'ENCODER_MISMATCH',
    `This memory was filled by the encoder ${filledBy.name} (${filledBy.revision}), the features come from ` +
      `${given.name} (${given.revision}), and the two cannot be compared: use ${filledBy.name} again, or open ` +
      'another memory and embed the sounds anew.',
  );
}
