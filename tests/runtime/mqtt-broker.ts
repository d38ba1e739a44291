import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface Published {
  topic: string;
  payload: string;
  retain: boolean;
}

/** Just as much of an MQTT 3.1.1 broker as a client needs that publishes and never subscribes. */
export class MqttBroker {
  readonly published: Published[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      let rest: Buffer = Buffer.alloc(0);
      socket.on('data', (data) => {
        rest = Buffer.concat([rest, data]);
        for (let read = readPacket(rest); read !== undefined; read = readPacket(rest)) {
          rest = rest.subarray(read.length);
          this.#answer(socket, read.header, read.body);
        }
      });
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<MqttBroker> {
    const broker = new MqttBroker();
    broker.#server.listen(0, '127.0.0.1');
    await once(broker.#server, 'listening');
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #answer(socket: Socket, header: number, body: Buffer): void {
    switch (header >> 4) {
      case 1: // CONNECT, answered by CONNACK
        socket.write(Buffer.of(0x20, 2, 0, 0));
        break;
      case 3: {
        // PUBLISH: the topic, with a quality above 0 an id, the payload.
        const length = body.readUInt16BE(0);
        const hasId = (header & 0b110) !== 0;
        this.published.push({
          topic: body.toString('utf8', 2, 2 + length),
          payload: body.toString('utf8', 2 + length + (hasId ? 2 : 0)),
          retain: (header & 1) === 1,
        });
        if (hasId) socket.write(Buffer.of(0x40, 2, body[2 + length]!, body[3 + length]!));
        break;
      }
      case 12: // PINGREQ
        socket.write(Buffer.of(0xd0, 0));
        break;
      case 14: // DISCONNECT
        socket.end();
        break;
      default:
        socket.destroy(new Error(`A packet of kind ${header >> 4} is not expected.`));
    }
  }
}

/** The first packet, once it is there as a whole; its length is written in digits of seven bits. */
function readPacket(data: Buffer): { header: number; body: Buffer; length: number } | undefined {
  let size = 0;
  for (let i = 1; i < data.length && i <= 4; i++) {
    size += (data[i]! & 0x7f) << (7 * (i - 1));
    if (data[i]! & 0x80) continue;
    const length = i + 1 + size;
    return data.length < length
      ? undefined
      : { header: data[0]!, body: data.subarray(i + 1, length), length };
  }
  return undefined;
}
