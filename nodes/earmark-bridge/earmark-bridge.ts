import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { Observable } from 'rxjs';
import { HealthMonitor } from '../../src/health/health-monitor.ts';
import { optionalNumber } from '../number-field.ts';
import { type BridgeCondition, BridgeConnection } from './bridge-connection.ts';
import { registerBridgeTest } from './bridge-test.ts';
import { ManagedServer } from './managed-server.ts';
import { RemoteServer } from './remote-server.ts';

export type { BridgeCondition } from './bridge-connection.ts';

interface BridgeDef extends NodeDef {
  mode: 'managed' | 'remote';
  url: string;
  python: string;
  model: string;
  timeout: string;
  retries: string;
}

/** The bridge as the other nodes see it. */
export interface BridgeNode extends Node<{ token?: string }> {
  readonly connection: BridgeConnection;
  /** Of a server that somebody else runs. */
  readonly address: string | undefined;
  readonly condition$: Observable<BridgeCondition>;
}

/** The dialogs' lists wait no longer than this. */
const listDeadlineMs = 5000;

export default function (RED: NodeAPI): void {
  const read = RED.auth.needsPermission('earmark.read');
  const connectionOf = (id: string) => (RED.nodes.getNode(id) as BridgeNode | null)?.connection;

  RED.httpAdmin.get('/earmark/bridge/:id/models', read, (request, response) => {
    const connection = connectionOf(request.params.id as string);
    if (connection === undefined) return void response.json([]);
    modelNames(connection).then(
      (names) => response.json(names.map((value) => ({ value }))),
      () => response.json([]),
    );
  });

  registerBridgeTest(RED);

  function Bridge(this: BridgeNode, def: BridgeDef): void {
    RED.nodes.createNode(this, def);
    const node = this as { -readonly [K in keyof BridgeNode]: BridgeNode[K] };
    const health = new HealthMonitor();
    const token = this.credentials?.token;
    node.address = def.mode === 'remote' ? def.url : undefined;
    const server =
      def.mode === 'remote'
        ? new RemoteServer({ baseUrl: def.url, ...(token && { token }) })
        : new ManagedServer({
            userDir: RED.settings.userDir ?? process.cwd(),
            python: def.python,
            log: (line) => this.log(RED._('log.progress', { line })),
            health,
          });
    node.connection = new BridgeConnection({
      server,
      timeout: (optionalNumber(def.timeout) ?? 30) * 1000,
      maxRetries: optionalNumber(def.retries) ?? 3,
      ...(def.model && { model: def.model }),
      health,
    });
    node.condition$ = node.connection.condition$;
    const reports = node.connection.condition$.subscribe((condition) => {
      if (condition.value === 'failed') this.error(condition.error);
    });
    this.on('close', (_removed: boolean, done: () => void) => {
      reports.unsubscribe();
      node.connection
        .close()
        .catch((error) => this.warn(error))
        .finally(done);
    });
  }
  RED.nodes.registerType<BridgeNode, BridgeDef, object, { token?: string }>('earmark-bridge', Bridge, {
    credentials: { token: { type: 'password' } },
  });
}

async function modelNames(connection: BridgeConnection): Promise<string[]> {
  const signal = AbortSignal.timeout(listDeadlineMs);
  connection.use();
  const service = await connection.ready(signal);
  const models = await service.listModels({ signal });
  return models.map(({ name }) => name);
}
