/** Something expected went wrong; the message says what, and what to do about it. */
export class CommandFailure extends Error {
  override name = 'CommandFailure';
}
