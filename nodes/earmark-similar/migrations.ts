import { added, type Migration } from '../saved-configuration.ts';

export const migrations: readonly Migration[] = [
  // 1: confirmation by several sounds in a row, and each event told once.
  added({ confirmations: '1', holdBackSeconds: '0' }),
  // 2: a threshold from the message, the context, the environment or an expression.
  added({ thresholdType: 'num' }),
];
