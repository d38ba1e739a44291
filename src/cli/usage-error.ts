/** The command line is wrong: the message says what was expected, and nothing has been done yet. */
export class UsageError extends Error {
  override name = 'UsageError';
}
