import { added, type Migration } from '../saved-configuration.ts';

export const migrations: readonly Migration[] = [
  // 1: a model from the message, the context, the environment or an expression.
  added({ modelType: 'str' }),
];
