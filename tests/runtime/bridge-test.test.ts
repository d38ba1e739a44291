import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { type AnsweringBridge, startAnsweringBridge } from '../answering-bridge.ts';
import { NodeRed } from './node-red.ts';

/** The route behind the dialog's test button: it must tell the outcome, and neither a token nor what a server says. */
describe('the test of a bridge', { timeout: 60_000 }, () => {
  let nodeRed: NodeRed;
  let deployed: AnsweringBridge;
  const token = 'kept-by-node-red';

  beforeAll(async () => {
    await build();
    deployed = await startAnsweringBridge({ token });
    nodeRed = await NodeRed.start({ flows: [{ id: 'tab', type: 'tab', label: 'empty' }] });
    await nodeRed.deploy([
      { id: 'tab', type: 'tab', label: 'empty' },
      { id: 'garden', type: 'earmark-bridge', mode: 'remote', url: deployed.url, credentials: { token } },
      { id: 'other', type: 'debug', z: 'tab', wires: [] },
    ]);
  }, 120_000);
  afterAll(async () => {
    await nodeRed?.stop();
    await deployed?.[Symbol.asyncDispose]();
  });

  async function ask(body: object, type = 'application/json'): Promise<[number, unknown]> {
    const response = await fetch(`${nodeRed.url}/earmark/bridge/test`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: JSON.stringify(body),
    });
    return [response.status, await response.json()];
  }
  const remote = (url: string, typed = '', id = 'new') => ask({ id, mode: 'remote', url, token: typed });

  test('uses what was typed, deployed or not', async () => {
    await using server = await startAnsweringBridge({ token: 'typed-right' });
    expect(await remote(server.url, 'typed-right')).toEqual([200, { outcome: 'ready' }]);
    expect(await remote(server.url, 'typed-wrong')).toEqual([200, { outcome: 'wrong-token' }]);
    expect(await remote(server.url)).toEqual([200, { outcome: 'wrong-token' }]);
    // An edited address of a deployed node: not the one that is deployed.
    expect(await remote(server.url, 'typed-right', 'garden')).toEqual([200, { outcome: 'ready' }]);
    await using open = await startAnsweringBridge();
    expect(await remote(open.url)).toEqual([200, { outcome: 'ready' }]);
  });

  test('sends the kept token to its own address only', async () => {
    expect(await remote(deployed.url, '__PWRD__', 'garden')).toEqual([200, { outcome: 'ready' }]);
    await using other = await startAnsweringBridge();
    expect(await remote(other.url, '__PWRD__', 'garden')).toEqual([200, { outcome: 'token-again' }]);
    expect(await remote(deployed.url, '__PWRD__', 'new')).toEqual([200, { outcome: 'token-again' }]);
    expect(other.asked).toEqual([]);
  });

  test('puts no environment variable into an address that is not deployed', async () => {
    await using other = await startAnsweringBridge();
    const sneaky = `${other.url}/\${HOME}`;
    expect(await remote(sneaky)).toEqual([200, { outcome: 'deploy-first' }]);
    expect(other.asked).toEqual([]);
  });

  test('asks nothing of a node that is no bridge', async () => {
    const body = { id: 'other', mode: 'managed', url: '', token: '' };
    expect(await ask(body)).toEqual([200, { outcome: 'deploy-first' }]);
  });

  test('tells what is wrong, in a word of its own', async () => {
    await using starting = await startAnsweringBridge({
      answer: (path) => (path === '/readyz' ? [503, '{"status":"starting"}'] : undefined),
    });
    expect(await remote(starting.url)).toEqual([200, { outcome: 'starting' }]);
    await using page = await startAnsweringBridge({ answer: () => [200, '<h1>inner secret</h1>'] });
    expect(await remote(page.url)).toEqual([200, { outcome: 'not-a-bridge' }]);
    await using target = await startAnsweringBridge();
    await using redirects = await startAnsweringBridge({ answer: (path) => [302, `${target.url}${path}`] });
    expect(await remote(redirects.url)).toEqual([200, { outcome: 'not-a-bridge' }]);
    expect(target.asked).toEqual([]);
    expect(await remote('http://127.0.0.1:9')).toEqual([200, { outcome: 'unreachable' }]);
    expect(await remote('http://user:password@127.0.0.1:9')).toEqual([200, { outcome: 'invalid' }]);
    expect(await remote('http://127.0.0.1:9', 'two\nlines')).toEqual([200, { outcome: 'invalid' }]);
  });

  test('waits no longer than five seconds', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const { port } = silent.address() as { port: number };
      const asked = performance.now();
      expect(await remote(`http://127.0.0.1:${port}`)).toEqual([200, { outcome: 'no-answer' }]);
      expect(performance.now() - asked).toBeLessThan(15_000);
    } finally {
      silent.close();
    }
  });

  test('tells whoever is overtaken by the next one that it was so', async () => {
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const silent = createServer(() => answer()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const first = remote(`http://127.0.0.1:${(silent.address() as { port: number }).port}`);
      await asked;
      await using server = await startAnsweringBridge();
      expect(await remote(server.url)).toEqual([200, { outcome: 'ready' }]);
      expect(await first).toEqual([200, { outcome: 'overtaken' }]);
    } finally {
      silent.close();
    }
  });

  test('of a server that Node-RED starts needs the deployed node', async () => {
    for (const id of ['new', 'garden']) {
      const body = { id, mode: 'managed', url: '', token: '' };
      expect(await ask(body)).toEqual([200, { outcome: 'deploy-first' }]);
    }
  });

  test.each([
    ['another scheme', { id: 'new', mode: 'remote', url: 'file:///etc/passwd', token: '' }],
    ['no address', { id: 'new', mode: 'remote', token: '' }],
    [
      'an address that is too long',
      { id: 'new', mode: 'remote', url: `http://${'x'.repeat(3000)}`, token: '' },
    ],
    ['a token that is no text', { id: 'new', mode: 'remote', url: 'http://127.0.0.1:9', token: {} }],
    ['another mode', { id: 'new', mode: 'both', url: 'http://127.0.0.1:9', token: '' }],
  ])('refuses %s', async (_name, body) => {
    expect(await ask(body)).toEqual([400, { code: 'BAD_REQUEST', message: expect.stringMatching(/\.$/) }]);
  });

  test('refuses a form, which any page could send', async () => {
    const [status] = await ask({ id: 'new', mode: 'remote', url: deployed.url, token: '' }, 'text/plain');
    expect(status).toBe(400);
  });

  test('leaves no token in the log', () => {
    expect(nodeRed.log.join('\n')).not.toMatch(new RegExp(`${token}|typed-right|typed-wrong`));
  });
});
