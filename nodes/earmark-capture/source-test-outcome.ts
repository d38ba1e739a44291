import type { ProbedSound } from '../../src/audio/index.ts';

/** Of an address or a path; never more of what a server says, since it may be any server in the network. */
export type SourceFault =
  /** There is no such file or folder, or Node-RED may not read it. */
  | 'not-found'
  | 'empty-folder'
  /** It can be read, and is no sound. */
  | 'not-audio'
  | 'no-ffmpeg'
  /** No such address can be. */
  | 'invalid'
  | 'unreachable'
  /** The server asks for a name and a password, or for others. */
  | 'refused'
  /** The server answers, and has no sound at this path. */
  | 'nothing-there'
  /** Nothing was heard until the test's deadline. */
  | 'no-answer'
  /** Somebody tested another one meanwhile. */
  | 'overtaken';

/** What the dialog's test of a file or an address finds. */
export type SourceTestOutcome =
  | { outcome: 'sound'; sound: ProbedSound }
  /** `more`: that many and no end was in sight. */
  | { outcome: 'folder'; files: number; more: boolean }
  | { outcome: SourceFault };
