import { once } from 'node:events';
import { type WebSocket, WebSocketServer } from 'ws';

/** A server that says whatever a test wants it to, right or wrong. */
export interface ScriptedPeer {
  readonly url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** Upgrades so far. */
  readonly upgrades: number;
  close(): Promise<void>;
}

export interface PeerConversation {
  socket: WebSocket;
  /** Counts from 0. */
  connection: number;
  say(message: unknown): void;
  /** Control messages by type, as they come; resolves with the first one of that type not yet taken. */
  heard(type: string): Promise<Record<string, unknown>>;
  /** The next window frame. */
  window(): Promise<SentWindow>;
}

/** A window as it came over the wire, read without the code under test. */
export interface SentWindow {
  stream: number;
  seq: number;
  gap: boolean;
  count: number;
  firstSample: number;
  bytes: number;
}

export const peerModel = {
  name: 'scripted',
  revision: 'r1',
  dimensions: 4,
  sampleRate: 16_000,
  minimumSamples: 400,
  maximumSamples: 160_000,
  window: { seconds: 1, hopSeconds: 0.5 },
  metric: 'cosine',
  calibration: null,
};

export const readyMessage = {
  type: 'ready',
  version: 1,
  server: 'scripted',
  models: [peerModel],
  limits: { maxMessageBytes: 1_048_576, maxStreams: 8, maxCreditBytes: 4_194_304, maxConnections: 8 },
  heartbeatMs: 200,
};

/** A features frame, written without the code under test. */
export function featuresFrame(answer: {
  stream: number;
  seq: number;
  firstSample: number;
  gap?: boolean;
  values?: number[];
}): Buffer {
  const { stream, seq, firstSample, gap = false, values = [1, 0, 0, 0] } = answer;
  const frame = Buffer.alloc(24 + 4 * values.length);
  frame.set([1, 2, 2, gap ? 1 : 0]);
  frame.writeUInt32LE(stream, 4);
  frame.writeUInt32LE(seq, 8);
  frame.writeUInt32LE(values.length, 12);
  frame.writeDoubleLE(firstSample, 16);
  for (const [i, value] of values.entries()) frame.writeFloatLE(value, 24 + 4 * i);
  return frame;
}

/** Starts a peer that follows `script` on every connection. */
export async function startScriptedPeer(
  script: (conversation: PeerConversation) => Promise<void>,
): Promise<ScriptedPeer> {
  let upgrades = 0;
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has('earmark.v1') ? 'earmark.v1' : false),
  });
  server.on('connection', (socket) => {
    const conversation = converse(socket, upgrades++);
    script(conversation).catch(() => socket.terminate());
  });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return server.clients.size;
    },
    get upgrades() {
      return upgrades;
    },
    close: async () => {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Greets and opens the first stream as a real server does; resolves with its number. */
export async function openStream(conversation: PeerConversation, credit = 1_000_000): Promise<number> {
  await conversation.heard('hello');
  conversation.say(readyMessage);
  const { stream } = await conversation.heard('open');
  conversation.say({ type: 'opened', stream, model: peerModel, credit });
  return stream as number;
}

function converse(socket: WebSocket, connection: number): PeerConversation {
  const messages: Record<string, unknown>[] = [];
  const windows: SentWindow[] = [];
  let wake = () => {};
  const closed = once(socket, 'close').then(() => Promise.reject(new Error('the client has gone')));
  closed.catch(() => {});
  socket.on('error', () => {});
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) {
      windows.push({
        stream: data.readUInt32LE(4),
        seq: data.readUInt32LE(8),
        gap: data[3] === 1,
        count: data.readUInt32LE(12),
        firstSample: data.readDoubleLE(16),
        bytes: data.length,
      });
    } else {
      const message = JSON.parse(data.toString()) as Record<string, unknown>;
      if (message.type === 'ping')
        socket.send(JSON.stringify({ type: 'pong', id: message.id, queued: 0, busy: 0 }));
      else messages.push(message);
    }
    wake();
  });
  async function take<T>(list: T[], wanted: (item: T) => boolean): Promise<T> {
    for (;;) {
      const index = list.findIndex(wanted);
      if (index >= 0) return list.splice(index, 1)[0]!;
      const news = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([news, closed]);
    }
  }
  return {
    socket,
    connection,
    say: (message) =>
      socket.send(
        typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message),
      ),
    heard: (type) => take(messages, (message) => message.type === type),
    window: () => take(windows, () => true),
  };
}
