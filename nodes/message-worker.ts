import type { Node, NodeAPI, NodeMessageInFlow } from 'node-red';
import type { EarmarkError } from '../src/errors.ts';
import { codedError, NodeError } from './node-error.ts';
import { holdCredit } from './source-credits.ts';
import type { StatusLight } from './status-light.ts';

/** What is lost when a message arrives while the queue is full. */
export type QueuePolicy = 'dropOldest' | 'dropNewest' | 'error';

type Send = (message: object | (object | null)[]) => void;

export interface Work {
  message: Message;
  /** One message for the first output, or one (or null) for each output. */
  send: Send;
  /** Aborted when the node is closed or reset: stop, and leave nothing behind. */
  signal: AbortSignal;
}

/** A message as it arrives: anybody may have written into it, so each node checks what it reads. */
export type Message = NodeMessageInFlow & Record<string, unknown>;

export interface WorkerOptions {
  /** The most messages that wait while one is worked on; asked, like the policy, when one more comes. */
  limit: number;
  policy: QueuePolicy;
  light: StatusLight;
  /** One message at a time, so that answers leave in the order of the questions. May reject with anything. */
  work: (work: Work) => Promise<void>;
  /** Whether a message means: stop, and forget what waits. `msg.reset` always does. */
  stops?: (message: Message) => boolean;
  onStop?: () => void;
  /** Called at once with such a message, before any that comes after it; what was worked on may still be at it. */
  onReset?: () => void;
}

interface Job {
  message: Message;
  send: Send;
  done: (error?: Error) => void;
  returnCredit: () => void;
}

/** More sources than a flow has microphones; a flow that names each sound anew must not fill the memory. */
const mostHoles = 256;
/** A node that has not let go after this long is left behind; Node-RED itself waits 15 s. */
const closeDeadlineMs = 5000;

/**
 * The input of a node: a bounded queue, one message worked on at a time, and every error given to `done`.
 * A handler that throws or rejects would end the Node-RED process, so none of ours does.
 */
export function workOnMessages(RED: NodeAPI, node: Node, options: WorkerOptions): void {
  const { light, work } = options;
  const waiting: Job[] = [];
  let lost = 0;
  /** Sources whose newest message was refused: their next one has a gap before it. */
  const holes = new Set<string>();
  let busy: Promise<void> | undefined;
  /** What is worked on, or was last, and its signal. */
  let current: Promise<void> | undefined;
  let running: AbortSignal | undefined;
  let controller = new AbortController();

  const finish = (job: Job, error?: EarmarkError) => {
    job.returnCredit();
    try {
      job.done(error);
    } catch (thrown) {
      // Node-RED copies the message for complete and catch nodes, and not everything can be copied.
      node.error(error ?? codedError(thrown), { _msgid: job.message._msgid });
    }
  };

  const showQueue = () => {
    if (waiting.length > 0) {
      light.say('queue', {
        fill: lost > 0 ? 'yellow' : 'blue',
        shape: 'dot',
        text: lost > 0 ? RED._('status.dropped', { n: lost }) : RED._('status.queue', { n: waiting.length }),
      });
    } else {
      lost = 0;
      light.say('queue');
    }
  };

  const run = async (job: Job) => {
    const { signal } = controller;
    running = signal;
    try {
      await work({ message: job.message, send: job.send, signal });
      light.say('error');
      finish(job);
    } catch (thrown) {
      if (signal.aborted) {
        finish(job);
        return;
      }
      const error = codedError(thrown);
      light.say('error', { fill: 'red', shape: 'dot', text: RED._('status.error', { code: error.code }) });
      finish(job, error);
    }
  };

  const workOff = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      showQueue();
      current = run(job);
      await current;
    }
    busy = undefined;
  };

  const empty = () => {
    for (const job of waiting.splice(0)) finish(job);
  };

  const makeRoom = (job: Job): boolean => {
    const { limit, policy } = options;
    // What was stopped is on its way out: the next one may wait for that also where nothing else may wait.
    const room = running?.aborted ? Math.max(1, limit) : limit;
    if (busy === undefined || waiting.length < room) return true;
    lost++;
    const dropped = policy === 'dropOldest' ? waiting.shift() : undefined;
    if (dropped !== undefined) {
      const source = soundSource(dropped.message);
      const next = [...waiting, job].find(({ message }) => soundSource(message) === source);
      if (source !== undefined && next !== undefined) markGap(next.message);
      finish(dropped);
      return true;
    }
    const source = soundSource(job.message);
    if (source !== undefined) holes.add(source);
    finish(
      job,
      policy === 'error'
        ? new NodeError(
            'QUEUE_FULL',
            `${limit} messages are waiting already. Send more slowly, for example through a delay node.`,
          )
        : undefined,
    );
    return false;
  };

  node.on('input', (message, send, done) => {
    if (message.reset === true || options.stops?.(message as Message)) {
      controller.abort();
      controller = new AbortController();
      empty();
      light.say('error');
      showQueue();
      options.onReset?.();
      const stopped = running;
      // Not once the next one is at work: what the node says is its word then.
      void Promise.resolve(current).then(() => running === stopped && options.onStop?.());
      done();
      return;
    }
    const session = (message.audio as { session?: unknown } | undefined)?.session;
    const job: Job = {
      message: message as Message,
      send: send as Send,
      done,
      returnCredit: typeof session === 'string' ? holdCredit(session) : () => {},
    };
    if (makeRoom(job)) {
      const source = soundSource(job.message);
      if (source !== undefined && holes.delete(source)) markGap(job.message);
      waiting.push(job);
    }
    if (holes.size > mostHoles) holes.clear();
    busy ??= workOff();
    showQueue();
  });

  node.on('close', (_removed: boolean, done: () => void) => {
    controller.abort();
    empty();
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, closeDeadlineMs).unref());
    void Promise.race([busy, deadline])
      .catch((error) => node.warn(error))
      .then(() => {
        light.close();
        done();
      });
  });
}

function soundSource({ audio }: Message): string | undefined {
  const { sourceId } = (audio ?? {}) as { sourceId?: unknown };
  return typeof sourceId === 'string' ? sourceId : undefined;
}

/** Sound before this message's was lost here, and nothing behind may join it to what came earlier. */
function markGap(message: Message): void {
  message.audio = { ...(message.audio as object), gap: true };
}
