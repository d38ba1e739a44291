import { added, type Migration } from '../saved-configuration.ts';

export const migrations: readonly Migration[] = [
  // 1: hours from the message, the context, the environment or an expression.
  added({ lastHoursType: 'num' }),
];
