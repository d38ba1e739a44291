import { added, type Migration } from '../saved-configuration.ts';

export const migrations: readonly Migration[] = [
  // 1: kind and tags from the message, the context, the environment or an expression.
  added({ kindType: 'str', tagsType: 'str' }),
];
