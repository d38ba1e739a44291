import { getPriority, setPriority } from 'node:os';
import { parentPort, Worker } from 'node:worker_threads';
import { StorageError, type StorageErrorCode } from './storage-error.ts';

interface Pending {
  resolve: (reply: never) => void;
  reject: (error: StorageError) => void;
  deadline: NodeJS.Timeout;
}

type Answer =
  | { number: number; reply: unknown }
  | { number: number; error: { code: StorageErrorCode; message: string } }
  | { notice: unknown };

const mostWaiting = 4_096;

/** Requests to a worker thread and its replies. Keeps the process alive only while one is waited for in the foreground. */
export class WorkerChannel<Request extends { kind: string }> {
  readonly #worker: Worker;
  readonly #name: string;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #ended: StorageError | undefined;

  constructor(
    script: URL,
    options: { name: string; onNotice?: (notice: unknown) => void; onEnd?: (error: StorageError) => void },
  ) {
    this.#name = options.name;
    this.#worker = new Worker(script, { name: options.name });
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => {
      if ('notice' in answer) options.onNotice?.(answer.notice);
      else this.#settle(answer);
    });
    const end = (cause: unknown) => {
      if (this.#ended !== undefined) return;
      this.#ended = new StorageError(
        'INTERNAL',
        `The ${this.#name} ended unexpectedly: close the memory and open it again.`,
        {
          cause,
        },
      );
      for (const [, pending] of this.#pending) {
        clearTimeout(pending.deadline);
        pending.reject(this.#ended);
      }
      this.#pending.clear();
      options.onEnd?.(this.#ended);
    };
    this.#worker.on('error', end);
    this.#worker.on('messageerror', end);
    this.#worker.on('exit', end);
  }

  /** Requests that wait for a reply. */
  get waiting(): number {
    return this.#pending.size;
  }

  request<Reply>(
    request: Request,
    options: { milliseconds: number; transfer?: ArrayBuffer[]; background?: boolean },
  ): Promise<Reply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#pending.size >= mostWaiting) {
      const message = `${mostWaiting} calls wait for the ${this.#name} already: wait for some before sending more.`;
      return Promise.reject(new StorageError('BUSY', message));
    }
    const number = this.#next++;
    return new Promise<Reply>((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#pending.delete(number);
        this.#release();
        reject(
          new StorageError(
            'IO',
            `The ${this.#name} did not answer within ${options.milliseconds / 1000} s: check the disk.`,
          ),
        );
      }, options.milliseconds);
      this.#pending.set(number, { resolve, reject, deadline });
      if (options.background) deadline.unref();
      else this.#worker.ref();
      this.#worker.postMessage({ number, request }, options.transfer ?? []);
    });
  }

  /** Tells the worker something that has no reply. */
  tell(request: Request, transfer: ArrayBuffer[] = []): void {
    if (this.#ended === undefined) this.#worker.postMessage({ request }, transfer);
  }

  /** Ends the thread; what waits is rejected. */
  async end(): Promise<void> {
    this.#ended ??= new StorageError('CLOSED', 'The memory is closed.');
    for (const [, pending] of this.#pending) {
      clearTimeout(pending.deadline);
      pending.reject(this.#ended);
    }
    this.#pending.clear();
    await this.#worker.terminate();
  }

  #settle(answer: Exclude<Answer, { notice: unknown }>): void {
    const pending = this.#pending.get(answer.number);
    if (pending === undefined) return;
    this.#pending.delete(answer.number);
    clearTimeout(pending.deadline);
    this.#release();
    if ('error' in answer) pending.reject(new StorageError(answer.error.code, answer.error.message));
    else pending.resolve(answer.reply as never);
  }

  #release(): void {
    if (this.#pending.size === 0) this.#worker.unref();
  }
}

/**
 * The worker's side: answers each request with what `handle` resolves to. With a higher `niceness` (0 to 19) the
 * thread leaves the processor to others sooner; a busy one then does not hold up the event loop.
 */
export function serveRequests<Request>(
  options: { niceness: number },
  handle: (request: Request) => unknown,
): void {
  // On Linux this is the priority of this thread and those that native code starts from it, not of the process.
  if (process.platform === 'linux') yieldTo(options.niceness);
  parentPort!.on('message', async (message: { number?: number; request: Request }) => {
    const { number, request } = message;
    try {
      const reply = await handle(request);
      if (number !== undefined) parentPort!.postMessage({ number, reply }, transferablesOf(reply));
    } catch (error) {
      const { code, message: text } = error as StorageError;
      const known = error instanceof StorageError;
      if (number === undefined) throw error;
      parentPort!.postMessage({
        number,
        error: { code: known ? code : 'INTERNAL', message: known ? text : `Unexpected: ${text}` },
      });
    }
  });
}

function yieldTo(niceness: number): void {
  try {
    // A process that was started nicer than that may not become less so.
    setPriority(0, Math.max(niceness, getPriority(0)));
  } catch {
    // Where it is not allowed the thread works all the same.
  }
}

/** Tells the main thread something that it did not ask for. */
export function notify(notice: unknown): void {
  parentPort!.postMessage({ notice });
}

/** Typed arrays that fill their buffers are moved, not copied. */
function transferablesOf(reply: unknown): ArrayBuffer[] {
  if (typeof reply !== 'object' || reply === null) return [];
  const buffers = new Set<ArrayBuffer>();
  for (const value of Object.values(reply)) {
    if (ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer) buffers.add(value.buffer);
  }
  return [...buffers];
}
