/** What Node-RED said to a request. */
export type Answer = 'ok' | 'not-listening' | 'log-in' | 'busy' | 'away';

const deadlineMs = 10_000;

/** What the server knows of the capture node. */
export interface NodeState {
  /** As it is called in the flow. */
  name: string;
  listening: boolean;
  /** A browser is its microphone already. */
  heard: boolean;
}

/** Where the editor is, to log in. */
export const editorPath = location.pathname.replace(/earmark\/capture\/[^/]+\/microphone$/, '');

/** Sends a request to the routes of this page's node; never rejects. */
export async function ask(route: string, init: RequestInit = {}): Promise<Answer> {
  return (await request(route, init)).answer;
}

export async function nodeState(): Promise<{ answer: Answer; state?: NodeState }> {
  const { answer, response } = await request('state');
  if (answer !== 'ok' || response === undefined) return { answer };
  const state = (await response.json()) as NodeState;
  if (!state.listening) return { answer: 'not-listening', state };
  return { answer: state.heard ? 'busy' : 'ok', state };
}

async function request(
  route: string,
  init: RequestInit = {},
): Promise<{ answer: Answer; response?: Response }> {
  try {
    const response = await fetch(`microphone/${route}`, {
      ...init,
      headers: { ...init.headers, ...authorization() },
      cache: 'no-store',
      signal: AbortSignal.timeout(deadlineMs),
    });
    return { answer: answers[response.status] ?? (response.ok ? 'ok' : 'away'), response };
  } catch {
    return { answer: 'away' };
  }
}

const answers: Record<number, Answer> = { 401: 'log-in', 404: 'not-listening', 409: 'busy' };

/** The token of whoever has logged in to the editor in this browser; the editor keeps it under this name. */
function authorization(): Record<string, string> {
  const kept = localStorage.getItem(`auth-tokens${editorPath.slice(0, -1).replaceAll('/', '-')}`);
  const token = kept === null ? undefined : (JSON.parse(kept) as { access_token?: string }).access_token;
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
