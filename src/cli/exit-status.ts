/** How every `earmark` command ends. Scripts may rely on these numbers; docs/cli.md explains them. */
export const exitStatus = {
  /** Done, found, healthy. */
  ok: 0,
  /** Failed, nothing found where finding was the question, or something is wrong. */
  no: 1,
  /** The command line itself is wrong. Nothing was done. */
  usage: 2,
  /** Some inputs failed; all others are done. */
  partly: 3,
  /** Ended by Ctrl+C before it was done. What was acknowledged is kept. */
  interrupted: 130,
  /** Ended by SIGTERM before it was done. */
  terminated: 143,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];
