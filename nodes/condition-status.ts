import type { Node, NodeAPI, NodeStatus } from 'node-red';
import type { BridgeCondition, BridgeNode } from './earmark-bridge/earmark-bridge.ts';
import type { MemoryCondition, MemoryNode } from './earmark-memory/earmark-memory.ts';
import { NodeError } from './node-error.ts';
import type { StatusLight } from './status-light.ts';

const statuses: Record<
  BridgeCondition['value'] | `memory-${MemoryCondition['value']}`,
  NodeStatus | undefined
> = {
  unused: { fill: 'yellow', shape: 'ring', text: 'status.bridge-starting' },
  installing: { fill: 'yellow', shape: 'ring', text: 'status.bridge-installing' },
  starting: { fill: 'yellow', shape: 'ring', text: 'status.bridge-starting' },
  ready: undefined,
  away: { fill: 'red', shape: 'ring', text: 'status.bridge-away' },
  paused: { fill: 'yellow', shape: 'ring', text: 'status.bridge-paused' },
  failed: { fill: 'red', shape: 'ring', text: 'status.bridge-failed' },
  'memory-opening': { fill: 'yellow', shape: 'ring', text: 'status.memory-opening' },
  'memory-ready': undefined,
  'memory-failed': { fill: 'red', shape: 'ring', text: 'status.memory-failed' },
};

const ready: NodeStatus = { fill: 'green', shape: 'dot', text: 'status.ready' };
const notSetUp: NodeStatus = { fill: 'red', shape: 'ring', text: 'status.not-set-up' };

/** A node's bridge, whose state the node shows. Returns undefined, and says so, where none is chosen. */
export function showBridge(RED: NodeAPI, node: Node, id: string, light: StatusLight): BridgeNode | undefined {
  const bridge = RED.nodes.getNode(id) as BridgeNode | null;
  if (!bridge?.condition$) {
    light.say('condition', notSetUp);
    return undefined;
  }
  bridge.connection.use();
  const subscription = bridge.condition$.subscribe(({ value }) => light.say('condition', statuses[value]));
  light.say('work', ready);
  node.on('close', () => subscription.unsubscribe());
  return bridge;
}

/** The same for a node's memory. */
export function showMemory(RED: NodeAPI, node: Node, id: string, light: StatusLight): MemoryNode | undefined {
  const memory = RED.nodes.getNode(id) as MemoryNode | null;
  if (!memory?.condition$) {
    light.say('condition', notSetUp);
    return undefined;
  }
  const subscription = memory.condition$.subscribe(({ value }) =>
    light.say('condition', statuses[`memory-${value}`]),
  );
  light.say('work', ready);
  node.on('close', () => subscription.unsubscribe());
  return memory;
}

export function missing(what: 'bridge' | 'memory'): NodeError {
  return new NodeError('NOT_SET_UP', `Choose a ${what} in this node's dialog and deploy.`);
}
