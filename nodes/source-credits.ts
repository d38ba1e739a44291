/**
 * How a file that is read fast keeps pace with nodes that work slowly. Node-RED knows no backpressure, so it
 * is agreed here, beside the messages: a node that takes a message of a session in holds one credit until it is
 * done with it, and the session's reader waits while too many are held. A message that a switch or filter
 * took out of the flow holds nothing, so nobody waits for it.
 */
const sessions = new Map<string, Session>();

interface Session {
  held: number;
  waiting: Set<() => void>;
}

/** Returns the function that gives the credit back; calling it again does nothing. */
export function holdCredit(sessionId: string): () => void {
  let session = sessions.get(sessionId);
  if (session === undefined) {
    session = { held: 0, waiting: new Set() };
    sessions.set(sessionId, session);
  }
  const own = session;
  own.held++;
  let returned = false;
  return () => {
    if (returned) return;
    returned = true;
    own.held--;
    if (own.held === 0 && own.waiting.size === 0) sessions.delete(sessionId);
    for (const wake of [...own.waiting]) wake();
  };
}

/** How many messages of the session are being worked on or wait for it. */
export function creditsHeld(sessionId: string): number {
  return sessions.get(sessionId)?.held ?? 0;
}

/** Resolves once fewer than `limit` credits of the session are held; rejects with the signal's reason. */
export async function creditsBelow(sessionId: string, limit: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const session = sessions.get(sessionId);
  if (session === undefined || session.held < limit) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const wake = () => {
    if (session.held < limit) resolve();
  };
  const stop = () => reject(signal.reason);
  session.waiting.add(wake);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', stop);
    session.waiting.delete(wake);
    if (session.held === 0 && session.waiting.size === 0) sessions.delete(sessionId);
  }
}
