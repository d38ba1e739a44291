import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * What the proxy does to the connections through it, from now on.
 * - `pass`: nothing.
 * - `slice`: hands on at most `bytes` at a time.
 * - `delay`: hands everything on `ms` later, in order.
 * - `throttle`: `bytesPerSecond` in each direction.
 * - `blackHole`: takes everything and hands on nothing, in both directions.
 * - `halfOpen`: nothing comes back from the server; what is sent still arrives there.
 *   A connection of which these have swallowed something stays dead in that direction: TCP knows no holes.
 * - `refuse`: resets new connections.
 */
export type Fault =
  | { kind: 'pass' }
  | { kind: 'slice'; bytes: number }
  | { kind: 'delay'; ms: number }
  | { kind: 'throttle'; bytesPerSecond: number }
  | { kind: 'blackHole' }
  | { kind: 'halfOpen' }
  | { kind: 'refuse' };

/** A TCP proxy between a client and the real server that misbehaves when told to. */
export interface FaultProxy {
  readonly url: string;
  readonly connections: number;
  set(fault: Fault): void;
  /** Resets every connection, in the middle of whatever it carries. */
  reset(): void;
  close(): Promise<void>;
}

const tickMs = 10;

export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  let fault: Fault = { kind: 'pass' };
  const pairs = new Set<[Socket, Socket]>();
  const dead = new WeakSet<Socket>();

  const server = createServer((client) => {
    client.on('error', () => {});
    if (fault.kind === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(targetPort, '127.0.0.1');
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    upstream.on('error', () => {});
    client.on('close', end);
    upstream.on('close', end);
    void carry(client, upstream, 'up');
    void carry(upstream, client, 'down');
  });

  async function carry(from: Socket, to: Socket, direction: 'up' | 'down'): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) await pass(chunk, to, direction);
    } catch {
      // The connection was reset; `close` ends its other half.
    }
  }

  async function pass(chunk: Buffer, to: Socket, direction: 'up' | 'down'): Promise<void> {
    for (let rest = chunk; rest.length > 0 && !to.destroyed; ) {
      const { kind } = fault;
      if (kind === 'blackHole' || (kind === 'halfOpen' && direction === 'down')) dead.add(to);
      if (dead.has(to)) return;
      let bytes = rest.length;
      if (fault.kind === 'slice') bytes = Math.min(bytes, fault.bytes);
      if (fault.kind === 'throttle')
        bytes = Math.min(bytes, Math.ceil((fault.bytesPerSecond * tickMs) / 1000));
      if (fault.kind === 'delay') await pause(fault.ms);
      if (fault.kind === 'throttle') await pause(tickMs);
      // Without this, slices would be joined again before they leave.
      if (fault.kind === 'slice') await new Promise(setImmediate);
      if (!to.write(rest.subarray(0, bytes)) && !to.destroyed) {
        await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
      rest = rest.subarray(bytes);
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return pairs.size;
    },
    set: (next) => {
      fault = next;
    },
    reset: () => {
      for (const [client, upstream] of pairs) {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      }
    },
    close: async () => {
      server.close();
      for (const [client, upstream] of pairs) {
        client.destroy();
        upstream.destroy();
      }
      await once(server, 'close');
    },
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
