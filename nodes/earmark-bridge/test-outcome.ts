/** What the dialog's test finds; never more of what a server says, since it may be any server in the network. */
export type TestOutcome =
  | 'ready'
  | 'starting'
  /** The token is missing or not the server's. */
  | 'wrong-token'
  /** The server's certificate is not trusted. */
  | 'untrusted'
  /** The server does not serve this host name. */
  | 'refused'
  | 'unreachable'
  | 'no-answer'
  /** Somebody tested another one meanwhile. */
  | 'overtaken'
  /** It answers, but not as Earmark's server does. */
  | 'not-a-bridge'
  /** The token is kept for another address and is not sent to this one. */
  | 'token-again'
  /** No such address, or no such token, can be. */
  | 'invalid'
  /** Only the deployed node knows what to test. */
  | 'deploy-first'
  /** The server that Node-RED starts cannot be started. */
  | 'gave-up';
