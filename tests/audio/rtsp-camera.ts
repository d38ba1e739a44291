import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

const sampleRate = 16_000;
const packetSamples = 320;
/** Hertz. */
const tone = 700;

/** The sound of a camera: RTSP with a password, one RTP track of 16-bit samples inside the same connection. */
export class RtspCamera implements AsyncDisposable {
  readonly #server: Server;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
    server.on('connection', (socket) => this.#talk(socket));
  }

  static async start(): Promise<RtspCamera> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RtspCamera(server, (server.address() as { port: number }).port);
  }

  /** With credentials; only `anna` and `s3cret` are let in. */
  url(user = 'anna', password = 's3cret'): string {
    return `rtsp://${user}:${password}@127.0.0.1:${this.#port}/live`;
  }

  /** Breaks every connection, as a camera does that loses its power. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #talk(socket: Socket): void {
    this.#sockets.add(socket);
    let playing: NodeJS.Timeout | undefined;
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(playing);
      this.#sockets.delete(socket);
    });
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        // What the client reports about packets (RTCP) may stand before a request.
        const request = text.slice(0, end).replace(/^[\s\S]*?(?=[A-Z_]+ rtsp:)/, '');
        text = text.slice(end + 4);
        socket.write(answer(request));
        if (request.startsWith('PLAY ')) playing ??= play(socket);
      }
    });
  }
}

function answer(request: string): string {
  const sequence = /^CSeq: *(\d+)/im.exec(request)?.[1] ?? '0';
  const respond = (status: string, headers: string[] = [], body = '') =>
    [`RTSP/1.0 ${status}`, `CSeq: ${sequence}`, ...headers, `Content-Length: ${body.length}`, '', body].join(
      '\r\n',
    );
  if (request.startsWith('OPTIONS ')) return respond('200 OK', ['Public: DESCRIBE, SETUP, PLAY, TEARDOWN']);
  const login = `Basic ${Buffer.from('anna:s3cret').toString('base64')}`;
  if (!request.includes(login))
    return respond('401 Unauthorized', ['WWW-Authenticate: Basic realm="camera"']);
  if (request.startsWith('DESCRIBE ')) {
    const track = ['m=audio 0 RTP/AVP 96', `a=rtpmap:96 L16/${sampleRate}/1`, 'a=control:sound'];
    const session = ['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=camera', 't=0 0', ...track, ''].join('\r\n');
    return respond('200 OK', ['Content-Type: application/sdp'], session);
  }
  if (request.startsWith('SETUP ')) {
    return respond('200 OK', ['Session: 1', 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1']);
  }
  return respond('200 OK', ['Session: 1']);
}

/** Sends the tone as it would be heard, from its first sample. */
function play(socket: Socket): NodeJS.Timeout {
  let packets = 0;
  const began = performance.now();
  return setInterval(() => {
    while ((packets * packetSamples * 1000) / sampleRate <= performance.now() - began)
      socket.write(packet(packets++));
  }, 20);
}

/** RFC 3550 inside the frame of RFC 2326, 10.12. */
function packet(number: number): Buffer {
  const bytes = Buffer.alloc(4 + 12 + 2 * packetSamples);
  bytes.write('$');
  bytes.writeUInt16BE(bytes.length - 4, 2);
  bytes.writeUInt8(0x80, 4);
  bytes.writeUInt8(96, 5);
  bytes.writeUInt16BE(number % 65_536, 6);
  bytes.writeUInt32BE(number * packetSamples, 8);
  for (let i = 0; i < packetSamples; i++) {
    const phase = (2 * Math.PI * tone * (number * packetSamples + i)) / sampleRate;
    bytes.writeInt16BE(Math.round(8000 * Math.sin(phase)), 16 + 2 * i);
  }
  return bytes;
}
