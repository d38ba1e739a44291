import type { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type { Node, NodeInitializer, NodeMessage } from 'node-red';
import helper from 'node-red-node-test-helper';
import type { SinonSpy } from 'sinon';
import { expect, vi } from 'vitest';
import bridge from '../../nodes/earmark-bridge/earmark-bridge.ts';
import capture from '../../nodes/earmark-capture/earmark-capture.ts';
import health from '../../nodes/earmark-health/earmark-health.ts';
import memory from '../../nodes/earmark-memory/earmark-memory.ts';
import query from '../../nodes/earmark-query/earmark-query.ts';
import similar from '../../nodes/earmark-similar/earmark-similar.ts';
import storePattern from '../../nodes/earmark-store-pattern/earmark-store-pattern.ts';
import extract from '../../nodes/earmark-wav2vec2-extract/earmark-wav2vec2-extract.ts';

export interface FlowNode {
  id: string;
  type: string;
  wires?: string[][];
  [key: string]: unknown;
}

export type Received = NodeMessage & Record<string, unknown>;

const require = createRequire(import.meta.url);
const allNodes: NodeInitializer[] = [bridge, memory, capture, extract, storePattern, query, similar, health];

/** The dialogs' defaults, so that a test states only what matters to it. */
const defaults: Record<string, object> = {
  'earmark-bridge': { mode: 'remote', python: '', model: '', timeout: '10', retries: '1' },
  'earmark-memory': {
    folder: 'remembered',
    threshold: '',
    maxPatterns: '',
    maxDays: '',
    clipMegabytes: '10',
    metric: 'cosine',
    dimensions: '8',
    saveChanges: '1000',
    saveSeconds: '60',
  },
  'earmark-capture': {
    source: 'file',
    device: '',
    path: 'filename',
    pathType: 'msg',
    url: '',
    urlType: 'str',
    cut: 'windows',
    windowSeconds: '1',
    hopSeconds: '1',
    pauseSeconds: '0.15',
    maxSeconds: '5',
    pace: 'fast',
    autoStart: false,
    format: 'raw',
  },
  'earmark-wav2vec2-extract': {
    bridge: 'bridge',
    cut: 'whole',
    windowSeconds: '1',
    hopSeconds: '0.5',
    passSound: true,
    model: '',
    queueLimit: '32',
    queuePolicy: 'dropOldest',
  },
  'earmark-store-pattern': {
    memory: 'memory',
    label: 'label',
    labelType: 'msg',
    kind: 'sound',
    tags: '',
    keepClip: true,
  },
  'earmark-query': {
    memory: 'memory',
    answer: 'list',
    label: '',
    labelType: 'str',
    sourceId: '',
    sourceIdType: 'str',
    kind: '',
    kindType: 'str',
    lastHours: '',
    sortBy: 'createdAt',
    sortDirection: 'desc',
    limit: '100',
    confidence: '',
    lowHertz: '',
    highHertz: '',
    withFeatures: false,
    withClip: false,
  },
  'earmark-similar': {
    memory: 'memory',
    mode: 'label',
    threshold: '',
    limit: '5',
    label: '',
    labelType: 'str',
    confirmations: '1',
    holdBackSeconds: '0',
  },
  'earmark-health': { bridge: 'bridge', memory: '', everySeconds: '0', onChange: false },
};

/** A flow in the test helper's runtime, with our nodes from their sources. One at a time. */
export class TestFlow {
  readonly userDir: string;
  readonly #outputs = new Map<string, Received[]>();

  private constructor(userDir: string) {
    this.userDir = userDir;
  }

  static async load(
    nodes: FlowNode[],
    options: { credentials?: object; extraNodes?: NodeInitializer[]; userDir?: string } = {},
  ): Promise<TestFlow> {
    const { credentials = {}, extraNodes = [] } = options;
    const flow = new TestFlow(options.userDir ?? mkdtempSync(path.join(os.tmpdir(), 'earmark-flow-')));
    helper.init(require.resolve('node-red'));
    helper.settings({ userDir: flow.userDir } as never);
    await new Promise<void>((resolve) => helper.startServer(resolve));
    await helper.load([...allNodes, ...extraNodes] as never, complete(nodes) as never, credentials as never);
    flow.#collect(nodes);
    return flow;
  }

  /** Deploys other nodes in place of those that changed. */
  async deploy(nodes: FlowNode[], type: 'full' | 'nodes' = 'nodes'): Promise<void> {
    await helper.setFlows(complete(nodes) as never, type);
    this.#collect(nodes);
  }

  node<T extends Node>(id: string): T {
    return helper.getNode(id) as T;
  }

  send(id: string, message: object): void {
    helper.getNode(id).receive(message as never);
  }

  /** What an admin route answers. */
  async ask<Answer>(route: string): Promise<Answer> {
    return (await helper.request().get(route).expect(200)).body as Answer;
  }

  /** Sends bytes to an admin route. */
  async post(route: string, bytes: Buffer): Promise<void> {
    await helper
      .request()
      .post(route)
      .type('application/octet-stream')
      .send(bytes)
      .expect((response) => expect(response.status).toBeLessThan(300));
  }

  /** Calls `listener` with each message that arrives at a helper node. */
  listen(id: string, listener: (message: Received) => void): void {
    (helper.getNode(id) as EventEmitter).on('input', listener);
  }

  /** What has arrived at a helper node. */
  received(id: string): Received[] {
    return this.#outputs.get(id)!;
  }

  /** Resolves when at least `count` messages have arrived at a helper node. */
  async arrived(id: string, count = 1, timeout = 8000): Promise<Received[]> {
    await vi.waitFor(() => expect(this.received(id).length).toBeGreaterThanOrEqual(count), {
      timeout,
      interval: 10,
    });
    return this.received(id);
  }

  /** All status texts of a node so far. */
  statuses(id: string): string[] {
    const node = helper.getNode(id);
    // The helper spies on the prototype, so that all nodes share one spy.
    const calls = (node.status as unknown as SinonSpy)
      .getCalls()
      .filter(({ thisValue }) => thisValue === node);
    return calls.map(({ args: [status] }) => (status as { text?: string }).text ?? '');
  }

  async status(id: string, text: string, timeout = 8000): Promise<void> {
    await vi.waitFor(() => expect(this.statuses(id).at(-1)).toBe(text), { timeout, interval: 20 });
  }

  /** `keep` leaves the user directory for another flow. */
  async close({ keep = false } = {}): Promise<void> {
    await helper.unload();
    await new Promise<void>((resolve) => helper.stopServer(resolve));
    if (!keep) rmSync(this.userDir, { recursive: true, force: true });
  }

  #collect(nodes: FlowNode[]): void {
    for (const { id, type } of nodes) {
      if (type !== 'helper') continue;
      const list = this.#outputs.get(id) ?? [];
      this.#outputs.set(id, list);
      this.listen(id, (message) => list.push(message));
    }
  }
}

const configTypes = new Set(['tab', 'earmark-bridge', 'earmark-memory']);

function complete(nodes: FlowNode[]): FlowNode[] {
  const onCanvas = { z: 'tab', x: 0, y: 0, wires: [] };
  const tab = { id: 'tab', type: 'tab', label: 'test' };
  return [
    tab,
    ...nodes.map((node) => ({
      ...(!configTypes.has(node.type) && onCanvas),
      name: '',
      ...defaults[node.type],
      ...node,
    })),
  ];
}
