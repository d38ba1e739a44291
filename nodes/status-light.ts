import type { Node, NodeStatus } from 'node-red';

/** Node-RED redraws for every status; more often than this nobody can read it. */
const leastMilliseconds = 1000;

/** Who speaks, most important first: the bridge or memory that is missing, a failure, the queue, the work. */
const voices = ['condition', 'error', 'queue', 'work'] as const;
export type Voice = (typeof voices)[number];

/**
 * The dot under a node. Several things may want to say something; the most important one is shown, and
 * never more than once a second.
 */
export class StatusLight {
  readonly #node: Node;
  readonly #said = new Map<Voice, NodeStatus>();
  #shown = '';
  #shownAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(node: Node) {
    this.#node = node;
  }

  /** Without a status the voice is silent. */
  say(voice: Voice, status?: NodeStatus): void {
    if (status === undefined) this.#said.delete(voice);
    else this.#said.set(voice, status);
    const wait = this.#shownAt + leastMilliseconds - performance.now();
    if (wait <= 0) this.#show();
    else this.#timer ??= setTimeout(() => this.#show(), wait);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#said.clear();
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const voice = voices.find((name) => this.#said.has(name));
    const status = voice === undefined ? {} : this.#said.get(voice)!;
    const text = JSON.stringify(status);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#shownAt = performance.now();
    this.#node.status(status);
  }
}
