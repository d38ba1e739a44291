import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { AudioError } from './audio-error.ts';
import { type AudioSource, defaultSampleRate, type SourceOptions } from './audio-source.ts';
import { BoundedQueue } from './bounded-queue.ts';
import { throwIfCancelled } from './child-output.ts';
import { ChunkBuilder } from './chunk-builder.ts';
import { drained, type LiveBufferOptions } from './live-audio.ts';
import type { PcmChunk } from './pcm.ts';
import { RawPcmDecoder, type RawPcmFormat } from './raw-pcm.ts';

/** Silence after which a sender over TCP is asked whether it is still there. */
const probeAfterMs = 5_000;

export interface NetworkSourceOptions extends SourceOptions, LiveBufferOptions {
  protocol: 'tcp' | 'udp';
  /** Port to listen on, 0 to 65,535; 0 takes a free one, told by `onListening`. */
  port: number;
  /** Address to listen on. Default 127.0.0.1: only programs of this machine can send. */
  host?: string;
  /** How the samples are written. Default: 16 kHz mono s16le. */
  format?: RawPcmFormat;
  onListening?: (port: number) => void;
}

/**
 * Raw samples that a device sends, such as a microcontroller with a microphone. TCP takes one sender at a time;
 * when it comes back, the time it was away is a gap. UDP takes whoever sends and cannot see what was lost.
 *
 * Its errors: `INVALID_ARGUMENT`, `STREAM` where the port cannot be listened on, `CANCELLED`.
 */
export function networkSource(options: NetworkSourceOptions): AudioSource {
  const { protocol, port, sampleRate = defaultSampleRate } = options;
  if (protocol !== 'tcp' && protocol !== 'udp') {
    throw new AudioError('INVALID_ARGUMENT', `The protocol "${protocol}" is not known; use tcp or udp.`);
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new AudioError('INVALID_ARGUMENT', `${port} is not a port of 0 to 65,535.`);
  }
  const sourceId = options.sourceId ?? `${protocol}:${port}`;
  const receive = protocol === 'tcp' ? receiveTcp : receiveUdp;
  return {
    info: { sourceId, sampleRate },
    chunks: (outer) =>
      drained((signal) => receive(sourceId, options, signal), options, options.onEvent, outer),
  };
}

async function* receiveTcp(
  sourceId: string,
  options: NetworkSourceOptions,
  signal: AbortSignal,
): AsyncGenerator<PcmChunk, void, undefined> {
  throwIfCancelled(signal);
  const decoder = new RawPcmDecoder(options.format);
  const builder = new ChunkBuilder(sourceId, options);
  const connections = new BoundedQueue<Socket>({
    capacity: 1,
    overflow: 'dropNewest',
    onDrop: (socket) => socket.destroy(),
  });
  // A sender that lost its power says no goodbye: unanswered probes end its connection, so that it can come back.
  const probing = { keepAlive: true, keepAliveInitialDelay: probeAfterMs };
  const server = createServer(probing, (socket) => connections.push(socket));
  server.maxConnections = 1;
  server.on('error', (error) => connections.fail(cannotListen(options, error)));
  let current: Socket | undefined;
  const cancel = () => {
    connections.fail(new AudioError('CANCELLED', 'Stopped.'));
    current?.destroy();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    await listenTcp(server, options);
    let zero: number | undefined;
    for await (const socket of connections) {
      current = socket;
      zero ??= performance.now();
      if (builder.startedAt === undefined) {
        builder.startedAt = Date.now();
        options.onEvent?.({ type: 'started', sourceId, via: `${socket.remoteAddress}` });
      } else {
        const perMs = (options.sampleRate ?? defaultSampleRate) / 1000;
        builder.skipTo((performance.now() - zero) * perMs);
        options.onEvent?.({
          type: 'recovered',
          sourceId,
          lostMs: (builder.nextSample - builder.heardUntil) / perMs,
        });
      }
      decoder.reset();
      const error = yield* readSocket(socket, decoder, builder);
      throwIfCancelled(signal);
      options.onEvent?.({ type: 'lost', sourceId, error, retryInMs: 0 });
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    current?.destroy();
    server.close();
  }
}

/** Reads until the sender is gone, and returns how it went. */
async function* readSocket(
  socket: Socket,
  decoder: RawPcmDecoder,
  builder: ChunkBuilder,
): AsyncGenerator<PcmChunk, AudioError, undefined> {
  let cause: unknown;
  try {
    for await (const bytes of socket) yield* builder.push(decoder.push(bytes), decoder.sampleRate);
  } catch (error) {
    cause = error;
  }
  yield* builder.flush();
  return new AudioError('STREAM', 'The sender closed its connection; waiting for it to come back.', {
    cause,
  });
}

async function listenTcp(server: Server, { port, host = '127.0.0.1', onListening }: NetworkSourceOptions) {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw cannotListen({ port, host }, error);
  }
  const address = server.address();
  if (typeof address === 'object' && address !== null) onListening?.(address.port);
}

async function* receiveUdp(
  sourceId: string,
  options: NetworkSourceOptions,
  signal: AbortSignal,
): AsyncGenerator<PcmChunk, void, undefined> {
  throwIfCancelled(signal);
  const { port, host = '127.0.0.1', onListening, onEvent } = options;
  const decoder = new RawPcmDecoder(options.format);
  const builder = new ChunkBuilder(sourceId, options);
  // A datagram holds a hundredth of a second or so; the true limit is the buffer that follows.
  const datagrams = new BoundedQueue<Uint8Array>({
    capacity: 4096,
    overflow: 'dropOldest',
    onDrop: () => builder.skipTo(),
  });
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
  socket.on('message', (bytes) => datagrams.push(bytes));
  socket.on('error', (error) => datagrams.fail(cannotListen(options, error)));
  const cancel = () => datagrams.fail(new AudioError('CANCELLED', 'Stopped.'));
  signal.addEventListener('abort', cancel, { once: true });
  socket.bind(port, host, () => onListening?.(socket.address().port));
  try {
    for await (const bytes of datagrams) {
      if (builder.startedAt === undefined) {
        builder.startedAt = Date.now();
        onEvent?.({ type: 'started', sourceId, via: 'udp' });
      }
      decoder.reset();
      yield* builder.push(decoder.push(bytes), decoder.sampleRate);
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    socket.close();
  }
}

function cannotListen(
  { port, host = '127.0.0.1' }: { port: number; host?: string },
  error: unknown,
): AudioError {
  const { code } = error as NodeJS.ErrnoException;
  const why = code === 'EADDRINUSE' ? 'another program uses this port' : `${code ?? error}`;
  return new AudioError('STREAM', `Cannot listen on ${host}:${port}: ${why}.`, { cause: error });
}
