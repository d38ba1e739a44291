import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

export interface FlowNode {
  id: string;
  type: string;
  [key: string]: unknown;
}

interface Event {
  topic: string;
  data: unknown;
}

const serve = path.join(import.meta.dirname, 'serve.mjs');

export function temporaryUserDir(): string {
  return mkdtempSync(path.join(os.tmpdir(), 'earmark-node-red-'));
}

/** A real Node-RED with the built package in a child process, seen as the editor sees it: by HTTP and /comms. */
export class NodeRed {
  readonly userDir: string;
  readonly log: string[] = [];
  readonly #child: ChildProcess;
  readonly #events: Event[] = [];
  readonly #listeners = new Set<(event: Event) => void>();
  url = '';
  #socket: WebSocket | undefined;

  private constructor(
    userDir: string,
    port: number,
    options: { paused: boolean; dashboard: boolean; installed: boolean },
  ) {
    this.userDir = userDir;
    this.#child = spawn(process.execPath, [serve, userDir, String(port), JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
  }

  /**
   * `paused`: the flows are loaded and wait for `startFlows`. `dashboard`: FlowFuse Dashboard 2 is there too.
   * `installed`: the package is the one in the user directory, not this clone.
   */
  static async start(
    options: {
      flows?: FlowNode[];
      userDir?: string;
      port?: number;
      paused?: boolean;
      dashboard?: boolean;
      installed?: boolean;
    } = {},
  ): Promise<NodeRed> {
    const { userDir = temporaryUserDir(), flows, port = 0 } = options;
    const { paused = false, dashboard = false, installed = false } = options;
    if (flows) writeFileSync(path.join(userDir, 'flows.json'), JSON.stringify(flows));
    const nodeRed = new NodeRed(userDir, port, { paused, dashboard, installed });
    await nodeRed.#started();
    await nodeRed.#listen();
    return nodeRed;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #started(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.log.push(line);
        const port = /^\{"port":(\d+)\}$/.exec(line)?.[1];
        if (port) resolve(Number(port));
      });
    }
    this.#child.once('exit', () => reject(new Error(`Node-RED ended:\n${this.log.join('\n')}`)));
    this.url = `http://127.0.0.1:${await promise}`;
  }

  async #listen(): Promise<void> {
    const socket = new WebSocket(`${this.url.replace('http', 'ws')}/comms`);
    this.#socket = socket;
    await once(socket, 'open');
    socket.on('message', (data) => {
      const messages = JSON.parse(data.toString()) as Event | Event[];
      for (const event of Array.isArray(messages) ? messages : [messages]) {
        this.#events.push(event);
        for (const listener of this.#listeners) listener(event);
      }
    });
    socket.on('error', () => {});
    for (const topic of ['debug', 'status/#', 'earmark/#']) socket.send(JSON.stringify({ subscribe: topic }));
  }

  /** The first event, past or to come, of which `read` makes something. */
  event<T>(read: (event: Event) => T | undefined, what: string, timeoutMs = 30_000, from = 0): Promise<T> {
    for (const event of this.#events.slice(from)) {
      const value = read(event);
      if (value !== undefined) return Promise.resolve(value);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(listener);
        reject(new Error(`No ${what} within ${timeoutMs} ms. Log:\n${this.log.slice(-30).join('\n')}`));
      }, timeoutMs);
      const listener = (event: Event) => {
        const value = read(event);
        if (value === undefined) return;
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve(value);
      };
      this.#listeners.add(listener);
    });
  }

  /** How many events there were; given to `event` as `from`, only later ones count. */
  get now(): number {
    return this.#events.length;
  }

  status(
    nodeId: string,
    text: string | RegExp,
    options: { from?: number; timeoutMs?: number } = {},
  ): Promise<string> {
    const matches = (shown: string) => (typeof text === 'string' ? shown === text : text.test(shown));
    return this.event(
      ({ topic, data }) => {
        const shown = (data as { text?: string } | undefined)?.text ?? '';
        return topic === `status/${nodeId}` && matches(shown) ? shown : undefined;
      },
      `status ${text} at ${nodeId}`,
      options.timeoutMs,
      options.from,
    );
  }

  /** What the debug node has said so far. */
  debugged(nodeId: string): string[] {
    return this.#events.map((event) => debugMessage(event, nodeId)).filter((text) => text !== undefined);
  }

  /** Resolves when the debug node has said `count` things. */
  async debug(nodeId: string, count = 1, timeoutMs = 30_000): Promise<string[]> {
    const enough = () => this.debugged(nodeId).length >= count || undefined;
    await this.event(enough, `${count} messages at ${nodeId}`, timeoutMs);
    return this.debugged(nodeId);
  }

  async get(route: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.url}${route}`, { headers, signal: AbortSignal.timeout(10_000) });
  }

  async deploy(flows: FlowNode[], type: 'full' | 'nodes' = 'full'): Promise<void> {
    const before = this.#starts();
    const response = await fetch(`${this.url}/flows`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'Node-RED-Deployment-Type': type,
        'Node-RED-API-Version': 'v1',
      },
      body: JSON.stringify(flows),
      signal: AbortSignal.timeout(30_000),
    });
    if (!response.ok) throw new Error(`Deploy: ${response.status} ${await response.text()}`);
    // The answer comes before the flows run.
    while (this.#starts() === before) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async startFlows(): Promise<void> {
    const response = await fetch(`${this.url}/flows/state`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ state: 'start' }),
    });
    if (!response.ok) throw new Error(`Start: ${response.status} ${await response.text()}`);
  }

  #starts(): number {
    return this.log.filter((line) => /Started (flows|modified)/.test(line)).length;
  }

  /** Presses the button of an inject node. */
  async inject(nodeId: string): Promise<void> {
    const response = await fetch(`${this.url}/inject/${nodeId}`, { method: 'POST' });
    if (!response.ok) throw new Error(`Inject ${nodeId}: ${response.status}`);
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.#socket?.terminate();
    const gone = once(this.#child, 'exit');
    if (this.#child.kill('SIGKILL')) await gone;
  }

  /** Ends it in order and removes its user directory unless it is kept. */
  async stop({ keep = false } = {}): Promise<void> {
    this.#socket?.terminate();
    if (this.running) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      const late = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
      await gone;
      clearTimeout(late);
    }
    if (!keep) rmSync(this.userDir, { recursive: true, force: true });
  }
}

function debugMessage({ topic, data }: Event, nodeId: string): string | undefined {
  const { id, msg } = (data ?? {}) as { id?: string; msg?: string };
  return topic === 'debug' && id === nodeId ? String(msg) : undefined;
}
