import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers as a bridge does where somebody only looks whether it is there. */
export interface AnsweringBridge extends AsyncDisposable {
  readonly url: string;
  /** Of every request, in their order. */
  readonly asked: { path: string; headers: IncomingHttpHeaders }[];
}

/** Starts it on a port of its own. Without a token it asks for none; `answer` takes a path over. */
export async function startAnsweringBridge(
  options: {
    token?: string;
    models?: string[];
    answer?: (path: string) => [number, string] | undefined;
  } = {},
): Promise<AnsweringBridge> {
  const { token, models = [], answer } = options;
  const asked: AnsweringBridge['asked'] = [];
  const respond = (path: string, authorization?: string): [number, string] => {
    if (path === '/readyz') return [200, JSON.stringify({ status: 'ready' })];
    if (token !== undefined && authorization !== `Bearer ${token}`) return [401, '{}'];
    if (path !== '/models') return [404, '{}'];
    return [200, JSON.stringify({ models: models.map((name) => ({ name, state: 'available' })) })];
  };
  const server = createServer(({ url: path = '', headers }, response) => {
    asked.push({ path, headers });
    const [status, body] = answer?.(path) ?? respond(path, headers.authorization);
    response.writeHead(status, status === 302 ? { location: body } : { 'content-type': 'application/json' });
    response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
