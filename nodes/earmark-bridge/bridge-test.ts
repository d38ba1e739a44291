import type { NodeAPI } from 'node-red';
import { BridgeError, type BridgeErrorCode, PythonBridgeService } from '../../src/bridge/index.ts';
import type { BridgeConnection } from './bridge-connection.ts';
import type { BridgeNode } from './earmark-bridge.ts';
import type { TestOutcome } from './test-outcome.ts';

/** The test waits no longer than this. */
const deadlineMs = 5000;
const longestAddress = 2048;
/** What Node-RED's dialog shows of a token that it has kept. */
const keptToken = '__PWRD__';

/** What stands in the dialog. */
interface Tested {
  id: string;
  mode: 'managed' | 'remote';
  url: string;
  token: string;
}

const outcomes: Partial<Record<BridgeErrorCode, TestOutcome>> = {
  UNAUTHENTICATED: 'wrong-token',
  FORBIDDEN_ORIGIN: 'refused',
  UNREACHABLE: 'unreachable',
  TIMEOUT: 'no-answer',
  CANCELLED: 'no-answer',
  OVERLOADED: 'starting',
  DRAINING: 'starting',
};

/** The dialog's test button: asks the server that the dialog names, deployed or not. */
export function registerBridgeTest(RED: NodeAPI): void {
  let running = new AbortController();

  RED.httpAdmin.post(
    '/earmark/bridge/test',
    RED.auth.needsPermission('earmark.write'),
    (request, response) => {
      const tested = request.is('application/json') ? readTested(request.body) : undefined;
      if (tested === undefined) {
        response.status(400).json({
          code: 'BAD_REQUEST',
          message: 'An id, a mode, an http or https address and a token are needed.',
        });
        return;
      }
      // One at a time: whoever asks next is answered.
      running.abort();
      running = new AbortController();
      const overtaken = running.signal;
      const signal = AbortSignal.any([overtaken, AbortSignal.timeout(deadlineMs)]);
      test(RED, tested, signal).then((found) => {
        const outcome: TestOutcome = overtaken.aborted ? 'overtaken' : found;
        response.json({ outcome });
      });
    },
  );
}

function readTested(body: unknown): Tested | undefined {
  const { id, mode, url, token } = (body ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string' || typeof url !== 'string' || typeof token !== 'string') return undefined;
  if (mode === 'managed') return { id, mode, url, token };
  if (mode !== 'remote' || url.length > longestAddress) return undefined;
  // The bridge knows more schemes and the test fewer: what it asks is chosen by a request.
  if (!/^https?:\/\/./i.test(url) && !isFromEnvironment(url)) return undefined;
  return { id, mode, url, token };
}

/** The text may be taken from anywhere, so nobody but Node-RED puts in what such names stand for. */
function isFromEnvironment(url: string): boolean {
  return url.includes('${');
}

async function test(RED: NodeAPI, tested: Tested, signal: AbortSignal): Promise<TestOutcome> {
  const named = RED.nodes.getNode(tested.id) as BridgeNode | null;
  // The id comes from a request, and may be that of any node.
  const node = named?.connection && named;
  if (tested.mode === 'managed') {
    return node && node.address === undefined ? testManaged(node.connection, signal) : 'deploy-first';
  }
  const isDeployed = node?.address !== undefined && tested.url === savedAddress(RED, tested.id);
  if (isFromEnvironment(tested.url) && !isDeployed) return 'deploy-first';
  if (tested.token === keptToken && !isDeployed) return 'token-again';
  const token = tested.token === keptToken ? node?.credentials?.token : tested.token;
  return testServer(isDeployed ? node!.address! : tested.url, token, signal);
}

/** As it stands in the flow, names of environment variables included. */
function savedAddress(RED: NodeAPI, id: string): unknown {
  let address: unknown;
  RED.nodes.eachNode((saved) => {
    if (saved.id === id) address = (saved as unknown as { url: unknown }).url;
  });
  return address;
}

async function testServer(
  baseUrl: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<TestOutcome> {
  let service: PythonBridgeService;
  try {
    service = new PythonBridgeService({ baseUrl, maxRetries: 0, ...(token && { token }) });
  } catch {
    return 'invalid';
  }
  try {
    const { ready, error } = await service.checkHealth({ signal });
    // Nobody asked for a token yet, so it is the certificate.
    if (error?.code === 'UNAUTHENTICATED') return 'untrusted';
    if (error !== undefined) return outcomeOf(error);
    await service.listModels({ signal });
    return ready ? 'ready' : 'starting';
  } catch (error) {
    return outcomeOf(error);
  } finally {
    await service.close();
  }
}

function outcomeOf(error: unknown): TestOutcome {
  return (error instanceof BridgeError && outcomes[error.code]) || 'not-a-bridge';
}

async function testManaged(connection: BridgeConnection, signal: AbortSignal): Promise<TestOutcome> {
  connection.use();
  try {
    await connection.ready(signal);
    return 'ready';
  } catch {
    return connection.condition$.value.value === 'failed' ? 'gave-up' : 'starting';
  }
}
