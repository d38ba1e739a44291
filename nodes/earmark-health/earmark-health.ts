import type { Node, NodeAPI, NodeDef } from 'node-red';
import { debounceTime, merge, skip } from 'rxjs';
import { missing, showBridge } from '../condition-status.ts';
import type { BridgeNode } from '../earmark-bridge/earmark-bridge.ts';
import type { MemoryNode } from '../earmark-memory/earmark-memory.ts';
import { workOnMessages } from '../message-worker.ts';
import { optionalNumber } from '../number-field.ts';
import { StatusLight } from '../status-light.ts';
import { healthReport } from './health-report.ts';

interface HealthDef extends NodeDef {
  bridge: string;
  memory: string;
  everySeconds: string;
  onChange: boolean;
}

const queueLimit = 32;
/** As in the dialog; a flow may hold any number, and what no timer can take would be a thousand reports a second. */
const longestSeconds = 86_400;
/** Changes that come together are one report. */
const settleMs = 200;

export default function (RED: NodeAPI): void {
  function Health(this: Node, def: HealthDef): void {
    RED.nodes.createNode(this, def);
    const light = new StatusLight(this);
    const bridge = showBridge(RED, this, def.bridge, light);
    const memory = (RED.nodes.getNode(def.memory) ?? undefined) as MemoryNode | undefined;

    const report = (known: BridgeNode, signal?: AbortSignal) =>
      healthReport(known.connection, memory, signal);

    workOnMessages(RED, this, {
      limit: queueLimit,
      policy: 'dropOldest',
      light,
      work: async ({ message, send, signal }) => {
        if (bridge === undefined) throw missing('bridge');
        if (message.payload === 'open') bridge.connection.openCircuits();
        if (message.payload === 'close') bridge.connection.closeCircuits();
        const payload = await report(bridge, signal);
        send(Object.assign(message, { payload, topic: message.topic ?? 'health' }));
      },
    });

    if (bridge === undefined) return;
    const sendReport = () => {
      report(bridge).then(
        (payload) => this.send({ topic: 'health', payload }),
        (error) => this.warn(error),
      );
    };
    const seconds = Math.min(longestSeconds, optionalNumber(def.everySeconds) ?? 0);
    const timer = seconds > 0 ? setInterval(sendReport, seconds * 1000) : undefined;
    const changes = merge(bridge.condition$.pipe(skip(1)), memory?.condition$?.pipe(skip(1)) ?? []);
    const subscription = def.onChange
      ? changes.pipe(debounceTime(settleMs)).subscribe(sendReport)
      : undefined;
    this.on('close', () => {
      clearInterval(timer);
      subscription?.unsubscribe();
    });
  }
  RED.nodes.registerType('earmark-health', Health);
}
