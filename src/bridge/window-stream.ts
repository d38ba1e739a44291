import type { AudioWindow } from '../audio/pcm.ts';
import { BridgeError } from './bridge-error.ts';
import type { ReadyMessage } from './control-messages.ts';
import type { WindowOutcome } from './embedded-window.ts';
import type { EncoderModel } from './encoder-model.ts';
import { FeatureCredit } from './feature-credit.ts';
import { addressFrame, type FeaturesFrame, featuresFrameBytes, windowFrameBytes } from './frames.ts';
import { type KeptWindow, KeptWindows, keepWindow } from './kept-windows.ts';
import { OutcomeStream } from './outcome-stream.ts';
import { longestTimerMs } from './sleep.ts';
import { badResponse, type SocketStream, type StreamSocket } from './stream-socket.ts';
import {
  type ResolvedStreamOptions,
  resolveStreamOptions,
  type WindowStreamOptions,
} from './window-stream-options.ts';

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
  /** The server held the stream back for that many milliseconds. */
  onCreditStall(milliseconds: number): void;
  onResend(): void;
  /** The first answer after a connection was lost that many milliseconds ago. */
  onRecovery(milliseconds: number): void;
}

/** Where a stream stands with the connection. */
type Attachment =
  | { value: 'detached' }
  /** The server does not take it now; the session will try again. */
  | { value: 'refused' }
  | { value: 'opening'; socket: StreamSocket; number: number; maxMessageBytes: number; since: number }
  | { value: 'open'; socket: StreamSocket; number: number; maxFrameBytes: number; model: EncoderModel }
  | { value: 'ended' };

/** PCM held without an answer; one window may always be held, however long. */
const maximumUnansweredBytes = 8 * 1024 * 1024;
/** Outcomes that wait for the consumer; only windows that failed can reach it, vectors are held by the credit. */
const maximumOutcomes = 256;

/**
 * One stream of windows that outlives its connections. It keeps every window until its answer has come; on a new
 * connection it opens with the first unanswered one and sends the kept ones again. Outcomes come in the order of the
 * windows, each once.
 */
export class WindowStream extends OutcomeStream implements SocketStream {
  readonly #host: WindowStreamHost;
  readonly #options: ResolvedStreamOptions;
  readonly #kept = new KeptWindows();
  /** What the server may send. */
  readonly #featureCredit = new FeatureCredit();
  #attachment: Attachment = { value: 'detached' };
  #wakePuller: (() => void) | undefined;
  #sampleRate: number | undefined;
  #gapBeforeNext = false;
  /** Wire number of the first unanswered window. */
  #nextAnswer = 0;
  /** Wire number of the next window to send; numbers count the windows that can be sent at all. */
  #nextSend = 0;
  /** Bytes that may be sent. */
  #credit = 0;
  /** Since when a window waits for credit. */
  #stalledAt: number | undefined;
  #giveUpTimer: NodeJS.Timeout | undefined;
  #lostAt: number | undefined;
  #lastError: BridgeError | undefined;
  #answeredAt = 0;

  constructor(host: WindowStreamHost, windows: AsyncIterable<AudioWindow>, options: WindowStreamOptions) {
    super(windows, options.signal);
    this.#host = host;
    this.#options = resolveStreamOptions(options);
  }

  get unanswered(): number {
    return this.#kept.length;
  }

  get unansweredBytes(): number {
    return this.#kept.bytes;
  }

  /** Windows that wait to be sent. */
  get unsent(): number {
    return this.#kept.unsent;
  }

  // --- The consumer's side ---

  protected taken(bytes: number): void {
    this.#featureCredit.free(bytes);
    if (this.#attachment.value === 'open') {
      const granted = this.#featureCredit.renew();
      const { socket, number } = this.#attachment;
      if (granted > 0) socket.send({ type: 'credit', stream: number, bytes: granted });
    }
    this.settle();
  }

  // --- The source's side ---

  #isFull(): boolean {
    return (
      this.#kept.length >= this.#options.maxUnanswered ||
      this.#kept.bytes >= maximumUnansweredBytes ||
      this.outcomes.length >= maximumOutcomes
    );
  }

  protected async room(): Promise<void> {
    if (!this.#isFull()) return;
    await new Promise<void>((resolve) => {
      // A source that has always something must not keep the loop from ever hearing the server.
      if (this.#options.overflow === 'dropOldest') setImmediate(resolve);
      else this.#wakePuller = resolve;
    });
  }

  protected accept(window: AudioWindow): void {
    if (this.#options.overflow === 'dropOldest' && this.#isFull() && !this.#dropOldest()) {
      // All that is kept is at the server already, so this one is what gives way.
      this.#gapBeforeNext = true;
      this.#host.onDrop();
      return;
    }
    const gap = window.gap || this.#gapBeforeNext;
    this.#gapBeforeNext = false;
    const kept = keepWindow(window, gap, this.#sampleRate, this.#options.encoding);
    this.#kept.add(kept);
    if (kept.content instanceof BridgeError) {
      this.settle();
      return;
    }
    this.#sampleRate = kept.sampleRate;
    if (this.#attachment.value === 'detached') this.#connect();
    else if (this.#attachment.value === 'open') this.#attachment.socket.pump();
  }

  /** False when there is none that the server does not have. */
  #dropOldest(): boolean {
    const dropped = this.#kept.dropOldestUnsent();
    if (dropped === 'none') return false;
    if (dropped === 'last') this.#gapBeforeNext = true;
    else dropped.next.reference.gap = true;
    this.#host.onDrop();
    return true;
  }

  // --- The connection's side ---

  /** Opens the stream on a ready connection, with the first unanswered window. */
  attach(socket: StreamSocket, ready: ReadyMessage): void {
    if (this.#attachment.value !== 'detached' || this.#sampleRate === undefined) return;
    const model = this.#options.model ?? ready.default ?? ready.models[0]?.name;
    if (model === undefined) {
      this.fail(new BridgeError('MODEL_NOT_FOUND', 'The server has no model. Add one to its models.json.'));
      return;
    }
    this.#nextSend = this.#nextAnswer;
    const number = socket.open(this, {
      model,
      sampleRate: this.#sampleRate,
      encoding: this.#options.encoding,
      firstSeq: this.#nextAnswer,
      credit: this.#featureCredit.begin(ready.limits.maxCreditBytes, this.outcomes.bytes),
    });
    const { maxMessageBytes } = ready.limits;
    this.#attachment = { value: 'opening', socket, number, maxMessageBytes, since: performance.now() };
  }

  opened(model: EncoderModel, credit: number): void {
    if (this.#attachment.value !== 'opening') throw badResponse('it opened a stream twice');
    if (!this.#featureCredit.canEverHold(featuresFrameBytes(model.dimensions))) {
      throw badResponse('its limits forbid even one vector');
    }
    const { socket, number, maxMessageBytes } = this.#attachment;
    const longest = windowFrameBytes(model.maximumSamples, this.#options.encoding);
    // A longer frame could wait forever: credit for more than the longest window need never stand.
    const maxFrameBytes = Math.min(maxMessageBytes, longest, credit);
    this.#attachment = { value: 'open', socket, number, maxFrameBytes, model };
    this.#credit = credit;
  }

  credited(bytes: number): void {
    if (this.#attachment.value !== 'open') throw badResponse('it granted credit before it opened the stream');
    this.#credit += bytes;
  }

  sendNext(): boolean {
    if (this.#attachment.value !== 'open') return false;
    const { socket, number, maxFrameBytes } = this.#attachment;
    const window = this.#kept.nextToSend;
    if (!window) return false;
    const { content } = window;
    if (content instanceof BridgeError) {
      this.#kept.passOn();
      return true;
    }
    if (content.length > maxFrameBytes) {
      const { sampleCount } = window.reference;
      const message = `A window of ${sampleCount} samples is longer than the server takes. Use shorter windows.`;
      this.#kept.spoil(window, new BridgeError('TOO_LARGE', message));
      this.#kept.passOn();
      this.settle();
      return true;
    }
    if (content.length > this.#credit) {
      this.#stalledAt ??= performance.now();
      return false;
    }
    if (this.#stalledAt !== undefined) this.#host.onCreditStall(performance.now() - this.#stalledAt);
    this.#stalledAt = undefined;
    this.#credit -= content.length;
    if (window.sentAt !== undefined) this.#host.onResend();
    window.sentAs = this.#nextSend;
    this.#nextSend = (this.#nextSend + 1) >>> 0;
    window.sentAt = performance.now();
    this.#kept.passOn();
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
    if (!this.#featureCredit.covers(bytes)) throw badResponse('it sent more than was granted');
    this.#featureCredit.spend(bytes);
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
    const oldest = this.#kept.first;
    if (this.#attachment.value !== 'open' || oldest?.sentAt === undefined || oldest.sentAs === undefined)
      return 0;
    if (this.#isHeldByConsumer()) return 0;
    return now - Math.max(oldest.sentAt, this.#answeredAt);
  }

  /** The server owes nothing while the consumer has left it no credit to answer with. */
  #isHeldByConsumer(): boolean {
    const attachment = this.#attachment;
    return (
      attachment.value === 'open' &&
      !this.#featureCredit.covers(featuresFrameBytes(attachment.model.dimensions))
    );
  }

  /** An attempt to connect failed; the session goes on trying. */
  connectionFailed(error: BridgeError): void {
    this.#lastError = error;
  }

  /** The window that the server must answer next. */
  #awaited(seq: number): { window: KeptWindow; model: EncoderModel } {
    if (this.#attachment.value !== 'open') throw badResponse('it answered a stream that it had not opened');
    this.#settleUnsendable(Number.POSITIVE_INFINITY);
    const window = this.#kept.first;
    if (window?.sentAs === undefined || window.sentAs !== seq) {
      throw badResponse(`it answered window ${seq} where ${window?.sentAs ?? 'none'} was due`);
    }
    return { window, model: this.#attachment.model };
  }

  #answer(window: KeptWindow, outcome: WindowOutcome, bytes: number, model: string): void {
    const now = performance.now();
    this.#kept.removeFirst();
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
    this.outcomes.push(outcome, bytes);
    this.settle();
  }

  #settleUnsendable(mostOutcomes: number): void {
    while (this.outcomes.length < mostOutcomes) {
      const head = this.#kept.first;
      if (!(head?.content instanceof BridgeError)) return;
      this.#kept.removeFirst();
      this.outcomes.push({ ok: false, error: head.content, window: head.reference }, 0);
    }
  }

  /** Hands on what is settled, lets the source go on, and ends when all is answered. */
  protected settle(): void {
    if (this.isOver) return;
    this.#settleUnsendable(maximumOutcomes);
    if (this.#kept.length === 0) this.#disarm();
    if (this.sourceDone && this.#kept.length === 0) {
      this.end();
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
    if (this.isOver) return;
    this.#attachment = { value: 'detached' };
    this.#lastError = error;
    this.#stalledAt = undefined;
    this.#kept.sendAllAgain();
    if (this.#kept.length > 0) {
      this.#lostAt ??= performance.now();
      this.#arm();
    }
  }

  #arm(): void {
    if (this.#giveUpTimer || this.#options.giveUpAfter === Number.POSITIVE_INFINITY) return;
    this.#giveUpTimer = setTimeout(() => this.#giveUp(), Math.min(longestTimerMs, this.#options.giveUpAfter));
  }

  #giveUp(): void {
    this.#disarm();
    if (this.#isHeldByConsumer()) {
      this.#arm();
      return;
    }
    const seconds = this.#options.giveUpAfter / 1000;
    this.fail(this.#lastError ?? new BridgeError('TIMEOUT', `No window was answered within ${seconds} s.`));
  }

  #disarm(): void {
    clearTimeout(this.#giveUpTimer);
    this.#giveUpTimer = undefined;
  }

  protected release(): void {
    const attachment = this.#attachment;
    this.#disarm();
    if (attachment.value === 'opening' || attachment.value === 'open') {
      const allAnswered = this.sourceDone && this.#kept.length === 0;
      attachment.socket.leave(attachment.number, allAnswered ? 'close' : 'cancel');
    }
    this.#attachment = { value: 'ended' };
    this.#kept.clear();
    this.#host.release(this);
    this.#wakePuller?.();
  }
}
