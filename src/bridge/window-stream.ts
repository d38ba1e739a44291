import type { AudioWindow } from '../audio/pcm.ts';
import { BridgeError } from './bridge-error.ts';
import type { ReadyMessage } from './control-messages.ts';
import { cancelled } from './deadline.ts';
import type { WindowOutcome, WindowReference } from './embedded-window.ts';
import type { EncoderModel } from './encoder-model.ts';
import {
  addressFrame,
  encodeWindowFrame,
  type FeaturesFrame,
  featuresFrameBytes,
  type PcmEncoding,
} from './frames.ts';
import { badResponse, type SocketStream, type StreamSocket } from './stream-socket.ts';

export interface WindowStreamOptions {
  /** The model's name. @default the server's first model */
  model?: string;
  /** Ends the stream with the error `CANCELLED`; what the server still has of it is dropped. */
  signal?: AbortSignal;
  /**
   * Windows that may be held here without an answer, 1 to 4096. They are what is sent again after a reconnection,
   * and what bounds the memory.
   * @default 32
   */
  maxUnanswered?: number;
  /**
   * What happens when that many are unanswered. `wait`: the source is not asked for more, so nothing is ever lost;
   * right for files and whatever can wait. `dropOldest`: the oldest unsent window is dropped and the next one marked
   * with `gap`; right for microphones, which cannot wait.
   * @default 'wait'
   */
  overflow?: 'wait' | 'dropOldest';
  /**
   * How samples travel. `s16le` halves bytes and memory and is exact for 16-bit sources; `f32le` keeps what lies
   * beyond.
   * @default 's16le'
   */
  encoding?: PcmEncoding;
  /**
   * Milliseconds that the stream lives on without any answer of the server, reconnecting meanwhile, before it ends
   * with the last connection error. `Infinity`: forever.
   * @default 60000
   */
  giveUpAfter?: number;
}

/** What a stream needs from the session that connects it. */
export interface WindowStreamHost {
  /** The stream has windows and wants to be attached to a connection. */
  connect(stream: WindowStream): void;
  /** The server refused the stream for now. */
  connectLater(stream: WindowStream, error: BridgeError): void;
  /** The stream is over. */
  release(stream: WindowStream): void;
  onAnswer(answer: { model: string; outcome: string; milliseconds: number; audioSeconds: number }): void;
  onDrop(): void;
  onResend(): void;
  /** The first answer after a connection was lost that many milliseconds ago. */
  onRecovery(milliseconds: number): void;
}

/** A window that has no answer yet. */
interface KeptWindow {
  reference: WindowReference;
  sampleRate: number;
  /** The frame to send, or why it cannot be sent. */
  content: Buffer | BridgeError;
  /** Its number on the current connection; absent while it has not been sent on it. */
  sentAs?: number;
  /** `performance.now()` of the last sending. */
  sentAt?: number;
}

/** Where a stream stands with the connection. */
type Attachment =
  | { value: 'detached' }
  /** The server does not take it now; the session will try again. */
  | { value: 'refused' }
  | { value: 'opening'; socket: StreamSocket; number: number; maxBytes: number; since: number }
  | { value: 'open'; socket: StreamSocket; number: number; maxBytes: number; model: EncoderModel }
  | { value: 'ended' };

/** Bytes of vectors that the server may send before the consumer has taken the earlier ones. */
const featureCreditBytes = 256 * 1024;
/** PCM held without an answer; one window may always be held, however long. */
const maximumUnansweredBytes = 8 * 1024 * 1024;
/** Outcomes that wait for the consumer; only windows that failed can reach it, vectors are held by the credit. */
const maximumOutcomes = 256;
/** What setTimeout can take. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * One stream of windows that outlives its connections. It keeps every window until its answer has come; on a new
 * connection it opens with the first unanswered one and sends the kept ones again. Outcomes come in the order of the
 * windows, each once.
 */
export class WindowStream implements AsyncIterableIterator<WindowOutcome>, SocketStream {
  readonly #host: WindowStreamHost;
  readonly #source: AsyncIterator<AudioWindow>;
  readonly #options: Required<Omit<WindowStreamOptions, 'model' | 'signal'>>;
  readonly #modelName: string | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #kept: KeptWindow[] = [];
  #keptBytes = 0;
  /** Index in `#kept` of the first window that has not been sent on this connection. */
  #unsent = 0;
  readonly #outcomes: { outcome: WindowOutcome; bytes: number }[] = [];
  #outcomeBytes = 0;
  #waiting: { resolve: (result: IteratorResult<WindowOutcome>) => void; reject: (error: unknown) => void }[] =
    [];
  #attachment: Attachment = { value: 'detached' };
  #started = false;
  #sourceDone = false;
  /** Thrown to the consumer after the last outcome. */
  #failure: { error: unknown } | undefined;
  #wakePuller: (() => void) | undefined;
  #sampleRate: number | undefined;
  #gapBeforeNext = false;
  /** Wire number of the first unanswered window. */
  #nextAnswer = 0;
  /** Wire number of the next window to send; numbers count the windows that can be sent at all. */
  #nextSend = 0;
  /** Bytes that may be sent. */
  #credit = 0;
  /** What the server granted at first; a frame beyond it could never be sent. */
  #firstCredit = 0;
  /** Bytes that the server may send. */
  #granted = 0;
  /** Bytes that the consumer took and that have not been granted anew. */
  #toGrant = 0;
  /** Bytes that are granted anew in one message. */
  #grantStep = 0;
  #giveUpTimer: NodeJS.Timeout | undefined;
  #lostAt: number | undefined;
  #lastError: BridgeError | undefined;
  #answeredAt = 0;
  readonly #abort = () => this.fail(cancelled('The stream', this.#signal?.reason));

  constructor(host: WindowStreamHost, windows: AsyncIterable<AudioWindow>, options: WindowStreamOptions) {
    const { maxUnanswered = 32, overflow = 'wait', encoding = 's16le', giveUpAfter = 60_000 } = options;
    if (!Number.isInteger(maxUnanswered) || maxUnanswered < 1 || maxUnanswered > 4096) {
      throw new BridgeError(
        'BAD_REQUEST',
        `maxUnanswered must be a whole number of 1 to 4096, not ${maxUnanswered}.`,
      );
    }
    if (!(giveUpAfter >= 0)) {
      throw new BridgeError('BAD_REQUEST', `giveUpAfter must be milliseconds >= 0, not ${giveUpAfter}.`);
    }
    this.#host = host;
    this.#options = { maxUnanswered, overflow, encoding, giveUpAfter };
    this.#modelName = options.model;
    this.#signal = options.signal;
    this.#source = windows[Symbol.asyncIterator]();
  }

  get unanswered(): number {
    return this.#kept.length;
  }

  get unansweredBytes(): number {
    return this.#keptBytes;
  }

  /** Windows that wait to be sent. */
  get unsent(): number {
    return this.#kept.length - this.#unsent;
  }

  // --- The consumer's side ---

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<WindowOutcome>> {
    if (!this.#started) this.#start();
    const first = this.#outcomes.shift();
    if (first) {
      this.#consumed(first.bytes);
      return Promise.resolve({ done: false, value: first.outcome });
    }
    if (this.#attachment.value !== 'ended') {
      return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    }
    const failure = this.#failure;
    this.#failure = undefined;
    return failure ? Promise.reject(failure.error) : Promise.resolve({ done: true, value: undefined });
  }

  /** Ends the stream; what is unanswered is dropped. Does not wait for anything. */
  return(): Promise<IteratorResult<WindowOutcome>> {
    this.#outcomes.length = 0;
    this.#failure = undefined;
    this.#end('cancel');
    return Promise.resolve({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #start(): void {
    this.#started = true;
    this.#signal?.addEventListener('abort', this.#abort, { once: true });
    if (this.#signal?.aborted) this.#abort();
    else void this.#pull();
  }

  #deliver(outcome: WindowOutcome, bytes: number): void {
    const consumer = this.#waiting.shift();
    if (consumer) {
      this.#toGrant += bytes;
      consumer.resolve({ done: false, value: outcome });
    } else {
      this.#outcomes.push({ outcome, bytes });
      this.#outcomeBytes += bytes;
    }
    this.#grant();
  }

  #consumed(bytes: number): void {
    this.#outcomeBytes -= bytes;
    this.#toGrant += bytes;
    this.#grant();
    this.#settle();
  }

  /** Grants anew in large steps: a message for each vector would cost as much as the vector. */
  #grant(): void {
    if (this.#attachment.value !== 'open' || this.#toGrant < this.#grantStep) return;
    this.#attachment.socket.send({ type: 'credit', stream: this.#attachment.number, bytes: this.#toGrant });
    this.#granted += this.#toGrant;
    this.#toGrant = 0;
  }

  // --- The source's side ---

  async #pull(): Promise<void> {
    try {
      while (!this.#isOver()) {
        if (this.#isFull()) await this.#room();
        if (this.#isOver()) return;
        const next = await this.#source.next();
        if (this.#isOver()) return;
        if (next.done) break;
        this.#accept(next.value);
      }
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#sourceDone = true;
    this.#settle();
  }

  #isOver(): boolean {
    return this.#attachment.value === 'ended';
  }

  #isFull(): boolean {
    return (
      this.#kept.length >= this.#options.maxUnanswered ||
      this.#keptBytes >= maximumUnansweredBytes ||
      this.#outcomes.length >= maximumOutcomes
    );
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      // A source that has always something must not keep the loop from ever hearing the server.
      if (this.#options.overflow === 'dropOldest') setImmediate(resolve);
      else this.#wakePuller = resolve;
    });
  }

  #accept(window: AudioWindow): void {
    if (this.#options.overflow === 'dropOldest' && this.#isFull() && !this.#dropOldest()) {
      // All that is kept is at the server already, so this one is what gives way.
      this.#gapBeforeNext = true;
      this.#host.onDrop();
      return;
    }
    const gap = window.gap || this.#gapBeforeNext;
    this.#gapBeforeNext = false;
    const content = this.#encode(window);
    const { seq, firstSample, sampleRate } = window;
    const reference = { seq, firstSample, sampleCount: window.samples.length, gap };
    this.#kept.push({ reference, sampleRate, content });
    if (content instanceof BridgeError) {
      this.#settle();
      return;
    }
    this.#keptBytes += content.length;
    if (this.#attachment.value === 'detached') this.#connect();
    else if (this.#attachment.value === 'open') this.#attachment.socket.pump();
  }

  #encode(window: AudioWindow): Buffer | BridgeError {
    const { samples, sampleRate, firstSample } = window;
    if (!Number.isInteger(sampleRate) || sampleRate < 1) {
      return new BridgeError(
        'SAMPLE_RATE',
        `A window's sampleRate must be a whole number of hertz, not ${sampleRate}.`,
      );
    }
    this.#sampleRate ??= sampleRate;
    if (sampleRate !== this.#sampleRate) {
      return new BridgeError(
        'SAMPLE_RATE',
        `A window has ${sampleRate} Hz in a stream of ${this.#sampleRate} Hz. Resample the source to one rate.`,
      );
    }
    try {
      return encodeWindowFrame(samples, firstSample, this.#options.encoding);
    } catch (error) {
      if (error instanceof BridgeError) return error;
      throw error;
    }
  }

  /** Drops the oldest window that the server does not have; false when there is none. */
  #dropOldest(): boolean {
    const oldest = this.#kept[this.#unsent];
    if (!oldest) return false;
    this.#kept.splice(this.#unsent, 1);
    if (oldest.content instanceof Buffer) this.#keptBytes -= oldest.content.length;
    const next = this.#kept[this.#unsent];
    if (next) next.reference.gap = true;
    else this.#gapBeforeNext = true;
    this.#host.onDrop();
    return true;
  }

  // --- The connection's side ---

  /** Opens the stream on a ready connection, with the first unanswered window. */
  attach(socket: StreamSocket, ready: ReadyMessage): void {
    if (this.#attachment.value !== 'detached' || this.#sampleRate === undefined) return;
    const model = this.#modelName ?? ready.models[0]?.name;
    if (model === undefined) {
      this.fail(new BridgeError('MODEL_NOT_FOUND', 'The server has no model. Add one to its models.json.'));
      return;
    }
    this.#nextSend = this.#nextAnswer;
    this.#toGrant = 0;
    const mostCredit = Math.min(ready.limits.maxCreditBytes, featureCreditBytes);
    this.#granted = Math.max(0, mostCredit - this.#outcomeBytes);
    this.#grantStep = mostCredit / 4;
    const number = socket.open(this, {
      model,
      sampleRate: this.#sampleRate,
      encoding: this.#options.encoding,
      firstSeq: this.#nextAnswer,
      credit: this.#granted,
    });
    const { maxMessageBytes: maxBytes } = ready.limits;
    this.#attachment = { value: 'opening', socket, number, maxBytes, since: performance.now() };
  }

  opened(model: EncoderModel, credit: number): void {
    if (this.#attachment.value !== 'opening') throw badResponse('it opened a stream twice');
    if (this.#grantStep * 4 < featuresFrameBytes(model.dimensions))
      throw badResponse('its limits forbid even one vector');
    const { socket, number, maxBytes } = this.#attachment;
    this.#attachment = { value: 'open', socket, number, maxBytes, model };
    this.#credit = credit;
    this.#firstCredit = credit;
  }

  credited(bytes: number): void {
    if (this.#attachment.value !== 'open') throw badResponse('it granted credit before it opened the stream');
    this.#credit += bytes;
  }

  sendNext(): boolean {
    if (this.#attachment.value !== 'open') return false;
    const { socket, number, maxBytes } = this.#attachment;
    const window = this.#kept[this.#unsent];
    if (!window) return false;
    const { content } = window;
    if (content instanceof BridgeError) {
      this.#unsent++;
      return true;
    }
    if (content.length > Math.min(maxBytes, this.#firstCredit)) {
      window.content = new BridgeError(
        'TOO_LARGE',
        `A window of ${window.reference.sampleCount} samples is longer than the server takes. Use shorter windows.`,
      );
      this.#keptBytes -= content.length;
      this.#unsent++;
      this.#settle();
      return true;
    }
    if (content.length > this.#credit) return false;
    this.#credit -= content.length;
    if (window.sentAt !== undefined) this.#host.onResend();
    window.sentAs = this.#nextSend;
    this.#nextSend = (this.#nextSend + 1) >>> 0;
    window.sentAt = performance.now();
    this.#unsent++;
    addressFrame(content, { stream: number, seq: window.sentAs, gap: window.reference.gap });
    socket.sendFrame(content);
    return true;
  }

  answered(frame: FeaturesFrame): void {
    const { window, model } = this.#awaited(frame.seq);
    const { reference, sampleRate } = window;
    const bytes = featuresFrameBytes(frame.features.length);
    if (frame.firstSample !== reference.firstSample || frame.gap !== reference.gap) {
      throw badResponse(`its answer to window ${frame.seq} is about other audio`);
    }
    if (frame.features.length !== model.dimensions) {
      throw badResponse(
        `its vector has ${frame.features.length} dimensions where the model has ${model.dimensions}`,
      );
    }
    if (!frame.features.every(Number.isFinite))
      throw badResponse('its vector holds numbers that are not finite');
    if (bytes > this.#granted) throw badResponse('it sent more than was granted');
    this.#granted -= bytes;
    const { name, revision } = model;
    const value = { ...reference, sampleRate, features: frame.features, model: { name, revision } };
    this.#answer(window, { ok: true, value }, bytes, model.name);
  }

  windowFailed(seq: number, error: BridgeError): void {
    const { window, model } = this.#awaited(seq);
    this.#answer(window, { ok: false, error, window: window.reference }, 0, model.name);
  }

  refused(error: BridgeError): void {
    this.#detach(error);
    if (!error.retryable) {
      this.fail(error);
      return;
    }
    this.#attachment = { value: 'refused' };
    this.#host.connectLater(this, error);
  }

  /** The time that the server asked for is over. */
  connectAgain(): void {
    if (this.#attachment.value !== 'refused') return;
    this.#attachment = { value: 'detached' };
    this.#connect();
  }

  disconnected(error: BridgeError): void {
    this.#detach(error);
  }

  owedMs(now: number): number {
    if (this.#attachment.value === 'opening') return now - this.#attachment.since;
    const oldest = this.#kept[0];
    if (this.#attachment.value !== 'open' || oldest?.sentAt === undefined || oldest.sentAs === undefined)
      return 0;
    // It owes nothing while the consumer has left it no credit to answer with.
    if (this.#granted < featuresFrameBytes(this.#attachment.model.dimensions)) return 0;
    return now - Math.max(oldest.sentAt, this.#answeredAt);
  }

  /** An attempt to connect failed; the session goes on trying. */
  connectionFailed(error: BridgeError): void {
    this.#lastError = error;
  }

  /** Ends the stream: what has come is still delivered, then `error` is thrown; after a cancellation at once. */
  fail(error: BridgeError): void {
    if (this.#isOver()) return;
    if (error.code === 'CANCELLED') this.#outcomes.length = 0;
    this.#failure = { error };
    this.#end('cancel');
  }

  /** The window that the server must answer next. */
  #awaited(seq: number): { window: KeptWindow; model: EncoderModel } {
    if (this.#attachment.value !== 'open') throw badResponse('it answered a stream that it had not opened');
    this.#settleUnsendable(Number.POSITIVE_INFINITY);
    const window = this.#kept[0];
    if (window?.sentAs === undefined || window.sentAs !== seq) {
      throw badResponse(`it answered window ${seq} where ${window?.sentAs ?? 'none'} was due`);
    }
    return { window, model: this.#attachment.model };
  }

  #answer(window: KeptWindow, outcome: WindowOutcome, bytes: number, model: string): void {
    const now = performance.now();
    this.#shift();
    this.#nextAnswer = (this.#nextAnswer + 1) >>> 0;
    this.#answeredAt = now;
    this.#disarm();
    if (this.#lostAt !== undefined) this.#host.onRecovery(now - this.#lostAt);
    this.#lostAt = undefined;
    this.#host.onAnswer({
      model,
      outcome: outcome.ok ? 'success' : outcome.error.code,
      milliseconds: now - (window.sentAt ?? now),
      audioSeconds: window.reference.sampleCount / window.sampleRate,
    });
    this.#deliver(outcome, bytes);
    this.#settle();
  }

  #shift(): void {
    const window = this.#kept.shift();
    if (window?.content instanceof Buffer) this.#keptBytes -= window.content.length;
    this.#unsent = Math.max(0, this.#unsent - 1);
  }

  #settleUnsendable(mostOutcomes: number): void {
    while (this.#outcomes.length < mostOutcomes) {
      const head = this.#kept[0];
      if (!(head?.content instanceof BridgeError)) return;
      this.#shift();
      this.#deliver({ ok: false, error: head.content, window: head.reference }, 0);
    }
  }

  /** Hands on what is settled, lets the source go on, and ends when all is answered. */
  #settle(): void {
    if (this.#isOver()) return;
    this.#settleUnsendable(maximumOutcomes);
    if (this.#sourceDone && this.#kept.length === 0) {
      this.#end('close');
    } else if (this.#wakePuller && !this.#isFull()) {
      this.#wakePuller();
      this.#wakePuller = undefined;
    }
  }

  #connect(): void {
    this.#arm();
    this.#host.connect(this);
  }

  #detach(error: BridgeError): void {
    if (this.#isOver()) return;
    this.#attachment = { value: 'detached' };
    this.#lastError = error;
    this.#unsent = 0;
    for (const window of this.#kept) delete window.sentAs;
    if (this.#kept.length > 0) {
      this.#lostAt ??= performance.now();
      this.#arm();
    }
  }

  #arm(): void {
    if (this.#giveUpTimer || this.#options.giveUpAfter === Number.POSITIVE_INFINITY) return;
    this.#giveUpTimer = setTimeout(
      () => {
        const seconds = this.#options.giveUpAfter / 1000;
        this.fail(
          this.#lastError ?? new BridgeError('TIMEOUT', `No window was answered within ${seconds} s.`),
        );
      },
      Math.min(longestTimerMs, this.#options.giveUpAfter),
    );
  }

  #disarm(): void {
    clearTimeout(this.#giveUpTimer);
    this.#giveUpTimer = undefined;
  }

  #end(by: 'close' | 'cancel'): void {
    const attachment = this.#attachment;
    if (attachment.value === 'ended') return;
    this.#attachment = { value: 'ended' };
    this.#disarm();
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#kept.length = 0;
    this.#keptBytes = 0;
    if (attachment.value === 'opening' || attachment.value === 'open') {
      attachment.socket.leave(attachment.number, by);
    }
    this.#host.release(this);
    this.#wakePuller?.();
    if (this.#started && !this.#sourceDone) {
      // Not awaited: a source in the middle of a read ends when that read does.
      void Promise.resolve(this.#source.return?.()).catch(() => {});
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    const failure = this.#failure;
    if (failure && waiting.length > 0) {
      this.#failure = undefined;
      waiting.shift()!.reject(failure.error);
    }
    for (const { resolve } of waiting) resolve({ done: true, value: undefined });
  }
}
