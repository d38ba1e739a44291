import type { IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import { BridgeError } from './bridge-error.ts';
import { errorOfClose } from './close-code.ts';
import {
  type ClientMessage,
  parseServerMessage,
  type ReadyMessage,
  subprotocol,
} from './control-messages.ts';
import type { EncoderModel } from './encoder-model.ts';
import { decodeFeaturesFrame, type FeaturesFrame } from './frames.ts';
import { Heartbeat, type HeartbeatReading, missedHeartbeats } from './heartbeat.ts';
import { errorOfStatus, unreachable } from './http-exchange.ts';

/** What a stream is told by the connection that carries it. */
export interface SocketStream {
  opened(model: EncoderModel, credit: number): void;
  credited(bytes: number): void;
  /** @throws BridgeError `BAD_RESPONSE` where it is not the answer to the next window. */
  answered(frame: FeaturesFrame): void;
  /** @throws BridgeError `BAD_RESPONSE` where it is not the answer to the next window. */
  windowFailed(seq: number, error: BridgeError): void;
  /** The server ended this stream, and only it. */
  refused(error: BridgeError): void;
  /** The connection is gone. */
  disconnected(error: BridgeError): void;
  /** Sends one frame if there is one and it may go; false when there is nothing more to send for now. */
  sendNext(): boolean;
  /** Milliseconds that the server has owed this stream an answer; 0 when it owes none. */
  owedMs(now: number): number;
}

/** `connecting` → `handshaking` → `ready` → (`draining` →) `closed`. */
export type SocketState =
  | { value: 'connecting' }
  | { value: 'handshaking' }
  | { value: 'ready'; ready: ReadyMessage }
  | { value: 'draining'; ready: ReadyMessage }
  | { value: 'closed'; error: BridgeError };

export interface SocketOptions {
  /** `ws:` or `wss:` address of the stream endpoint. */
  url: URL;
  token?: string | undefined;
  /** Milliseconds for connection and handshake together. */
  connectTimeout: number;
  /** Milliseconds that a stream may be owed an answer. */
  answerTimeout: number;
  onState: (state: SocketState) => void;
  onHeartbeat: (heartbeat: HeartbeatReading) => void;
}

/** `ws` never pushes back by itself: beyond this much unsent data nothing more is handed to it. */
const maximumBufferedBytes = 1024 * 1024;
/** The largest message taken from the server: features of 16,384 dimensions, or a long list of models. */
const maximumMessageBytes = 1024 * 1024;
const closeTimeoutMs = 2000;
/** Ended streams that the server may still have to confirm. */
const maximumLeaving = 1024;

/**
 * One connection, from dialling to its end; it is never opened twice. It carries streams, keeps the heartbeat and checks
 * that what the server says is in the protocol. Losing nothing is the streams' work: see `window-stream.ts`.
 */
export class StreamSocket {
  readonly #options: SocketOptions;
  readonly #socket: WebSocket;
  readonly #streams = new Map<number, SocketStream>();
  /** Streams that were left here: what the server sent before it knew is dropped until its `closed`. */
  readonly #leaving = new Set<number>();
  #state: SocketState = { value: 'connecting' };
  #nextStream = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #heartbeat = new Heartbeat();
  /** What the server said before it closed, or why it is closed from here. */
  #reason: BridgeError | undefined;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#socket = new WebSocket(options.url, subprotocol, {
      perMessageDeflate: false,
      followRedirects: false,
      maxPayload: maximumMessageBytes,
      maxFragments: 1024,
      maxBufferedChunks: 4096,
      closeTimeout: closeTimeoutMs,
      headers: options.token === undefined ? {} : { authorization: `Bearer ${options.token}` },
      ...(isLoopback(options.url) ? { generateMask: noMask } : {}),
    } as WebSocket.ClientOptions);
    this.#socket.binaryType = 'nodebuffer';
    this.#socket.on('open', () => this.#sayHello());
    this.#socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    this.#socket.on('unexpected-response', (_request, response) => this.#refusedUpgrade(response));
    this.#socket.on('error', (cause) => {
      this.#reason ??= this.#socketError(cause);
    });
    this.#socket.on('close', (code, reason) => this.#ended(code, reason));
    this.#timer = setTimeout(() => {
      const { connectTimeout, url } = options;
      this.#fail(new BridgeError('TIMEOUT', `${url.origin} did not answer within ${connectTimeout} ms.`));
    }, options.connectTimeout);
  }

  get state(): SocketState {
    return this.#state;
  }

  /** Bytes handed to the socket that the network has not taken. */
  get bufferedBytes(): number {
    return this.#state.value === 'closed' ? 0 : this.#socket.bufferedAmount;
  }

  /** Opens a stream on a ready connection and returns its number. */
  open(stream: SocketStream, details: Omit<ClientMessage & { type: 'open' }, 'type' | 'stream'>): number {
    const number = this.#nextStream++;
    this.#streams.set(number, stream);
    this.send({ type: 'open', stream: number, ...details });
    return number;
  }

  send(message: ClientMessage): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Sends a data frame; the caller has checked its credit. */
  sendFrame(frame: Buffer): void {
    this.#socket.send(frame, () => this.pump());
  }

  /** Sends what the streams have, a frame of each in turn, for as long as the network takes it. */
  pump(): void {
    let sent = this.#state.value === 'ready';
    while (sent) {
      sent = false;
      for (const stream of this.#streams.values()) {
        if (this.#socket.readyState !== WebSocket.OPEN) return;
        if (this.#socket.bufferedAmount >= maximumBufferedBytes) return;
        if (stream.sendNext()) sent = true;
      }
    }
  }

  /** The stream ends here: `close` when all is answered, `cancel` when what the server still has shall be dropped. */
  leave(number: number, by: 'close' | 'cancel'): void {
    if (!this.#streams.delete(number)) return;
    this.#leaving.add(number);
    this.send({ type: by, stream: number });
    if (this.#leaving.size > maximumLeaving) {
      this.#fail(new BridgeError('TIMEOUT', `${this.#options.url.origin} does not let go of ended streams.`));
    }
  }

  /** Ends the connection in good order, or at once where the server does not play along. */
  close(): void {
    this.#reason ??= new BridgeError('CLOSED', 'The connection was closed.');
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(1000);
    else this.#socket.terminate();
  }

  #sayHello(): void {
    this.#setState({ value: 'handshaking' });
    this.send({ type: 'hello', versions: [1], client: 'earmark-node' });
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#state.value === 'closed' || this.#reason) return;
    this.#heartbeat.heard();
    try {
      if (isBinary) this.#receiveFrame(data);
      else this.#receiveMessage(data.toString('utf8'));
    } catch (error) {
      this.#fail(
        error instanceof BridgeError
          ? asBadResponse(error)
          : badResponse('its message broke the client', error),
      );
    }
  }

  #receiveFrame(data: Buffer): void {
    const frame = decodeFeaturesFrame(data);
    if (this.#leaving.has(frame.stream)) return;
    this.#stream(frame.stream).answered(frame);
  }

  #receiveMessage(text: string): void {
    const message = parseServerMessage(text);
    if (message.type === 'ready') {
      if (this.#state.value !== 'handshaking') throw badResponse('it said ready twice');
      clearTimeout(this.#timer);
      this.#timer = setInterval(() => this.#beat(), message.heartbeatMs);
      this.#setState({ value: 'ready', ready: message });
      return;
    }
    if (message.type === 'error' && message.stream === undefined) {
      this.#fail(message.error);
      return;
    }
    const { state } = this;
    if (state.value !== 'ready' && state.value !== 'draining')
      throw badResponse(`it said ${message.type} before ready`);
    switch (message.type) {
      case 'pong':
        this.#pong(message);
        break;
      case 'draining':
        this.#setState({ value: 'draining', ready: state.ready });
        break;
      case 'opened':
        this.#onStream(message.stream, (stream) => stream.opened(message.model, message.credit));
        break;
      case 'credit':
        this.#onStream(message.stream, (stream) => stream.credited(message.bytes));
        break;
      case 'error':
        this.#streamError(message.stream!, message.seq, message.error);
        break;
      case 'closed':
        if (!this.#leaving.delete(message.stream))
          throw badResponse('it closed a stream that was not to be closed');
        break;
      case 'finalized':
        throw badResponse('it said finalized though it was not asked to');
    }
    this.pump();
  }

  #streamError(number: number, seq: number | undefined, error: BridgeError): void {
    if (seq !== undefined) {
      this.#onStream(number, (stream) => stream.windowFailed(seq, error));
    } else if (!this.#leaving.delete(number)) {
      const stream = this.#stream(number);
      this.#streams.delete(number);
      stream.refused(error);
    }
  }

  #onStream(number: number, tell: (stream: SocketStream) => void): void {
    if (!this.#leaving.has(number)) tell(this.#stream(number));
  }

  #stream(number: number): SocketStream {
    const stream = this.#streams.get(number);
    if (!stream) throw badResponse(`it spoke of stream ${number}, which is not open`);
    return stream;
  }

  #beat(): void {
    if (!this.#heartbeat.begin()) {
      this.#fail(
        new BridgeError(
          'TIMEOUT',
          `${this.#options.url.origin} has stopped answering (${missedHeartbeats} heartbeats).`,
        ),
      );
      return;
    }
    const now = performance.now();
    for (const stream of this.#streams.values()) {
      if (stream.owedMs(now) > this.#options.answerTimeout) {
        this.#fail(
          new BridgeError('TIMEOUT', `A window was not answered within ${this.#options.answerTimeout} ms.`),
        );
        return;
      }
    }
    this.send({ type: 'ping', id: this.#heartbeat.ping(now) });
    this.pump();
  }

  #pong({ id, queued, busy }: { id: number; queued: number; busy: number }): void {
    const milliseconds = this.#heartbeat.pong(id, performance.now());
    if (milliseconds !== undefined) this.#options.onHeartbeat({ milliseconds, queued, busy });
  }

  /** Ends the connection because of `error`; the streams hear of it when the socket has closed. */
  #fail(error: BridgeError): void {
    this.#reason ??= error;
    this.#socket.terminate();
  }

  #refusedUpgrade(response: IncomingMessage): void {
    const seconds = Number(response.headers['retry-after']);
    const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
    this.#fail(errorOfStatus(response.statusCode ?? 0, this.#options.url, { retryAfterMs }));
  }

  #socketError(cause: Error & { code?: string }): BridgeError {
    if (cause.code?.startsWith('WS_ERR_') || /subprotocol|Sec-WebSocket/i.test(cause.message)) {
      return badResponse(cause.message, cause);
    }
    return unreachable(this.#options.url, cause);
  }

  #ended(code: number, reason: Buffer): void {
    clearTimeout(this.#timer);
    const error = this.#reason ?? errorOfClose(code, reason.toString('utf8'), this.#options.url);
    this.#setState({ value: 'closed', error });
    for (const stream of this.#streams.values()) stream.disconnected(error);
    this.#streams.clear();
    this.#leaving.clear();
  }

  #setState(state: SocketState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

/**
 * Masking keeps a web page's script from writing bytes of its choice past a proxy (RFC 6455, 10.3). On loopback there is
 * neither, and masking would be a tenth of what a window's way to the model and back costs.
 */
function noMask(mask: Buffer): void {
  mask.fill(0);
}

/** An unreadable frame is this side's `BAD_FRAME`, but what matters to the user is that the server sent it. */
function asBadResponse(error: BridgeError): BridgeError {
  return error.code === 'BAD_FRAME'
    ? new BridgeError('BAD_RESPONSE', error.message, { cause: error })
    : error;
}

export function badResponse(problem: string, cause?: unknown): BridgeError {
  return new BridgeError(
    'BAD_RESPONSE',
    `The server broke the protocol: ${problem}. Is it an Earmark server of the same version?`,
    { cause },
  );
}
