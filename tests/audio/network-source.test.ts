import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { SourceEvent } from '../../src/audio/audio-source.ts';
import { type NetworkSourceOptions, networkSource } from '../../src/audio/network-source.ts';
import type { PcmChunk } from '../../src/audio/pcm.ts';

/** Listens in the background, as long as the test lasts. */
async function listen(options: Partial<NetworkSourceOptions> & Pick<NetworkSourceOptions, 'protocol'>) {
  const abort = new AbortController();
  const listening = Promise.withResolvers<number>();
  const chunks: PcmChunk[] = [];
  const events: SourceEvent[] = [];
  const source = networkSource({
    port: 0,
    removeDc: false,
    onListening: listening.resolve,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const done = (async () => {
    for await (const chunk of source.chunks(abort.signal)) chunks.push(chunk);
  })();
  done.catch(listening.reject);
  return {
    port: await listening.promise,
    chunks,
    events,
    samples: () => chunks.flatMap((chunk) => [...chunk.samples]),
    async stop() {
      abort.abort();
      await expect(done).rejects.toMatchObject({ code: 'CANCELLED' });
    },
  };
}

async function sender(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

const halves = (...values: number[]) =>
  Buffer.from(Int16Array.from(values, (value) => value * 32_768).buffer);

describe('networkSource', () => {
  it('joins samples however TCP has cut them', async () => {
    const source = await listen({ protocol: 'tcp' });
    const socket = await sender(source.port);
    const bytes = halves(0.5, -0.5, 0.25);
    for (const byte of bytes) {
      socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    await expect.poll(source.samples).toEqual([0.5, -0.5, 0.25]);
    socket.destroy();
    await source.stop();
  });

  it('waits for a TCP sender to come back and marks the time without it', async () => {
    const source = await listen({ protocol: 'tcp' });
    const first = await sender(source.port);
    first.end(halves(0.5, 0.5));
    await expect.poll(() => source.events.map(({ type }) => type)).toEqual(['started', 'lost']);
    const second = await sender(source.port);
    second.write(halves(0.25));
    await expect.poll(() => source.chunks.length).toBe(2);
    expect(source.chunks[1]).toMatchObject({ gap: true });
    expect(source.chunks[1]!.firstSample).toBeGreaterThan(2);
    expect(source.events.at(-1)).toMatchObject({ type: 'recovered', lostMs: expect.any(Number) });
    second.destroy();
    await source.stop();
  });

  it('takes one TCP sender at a time', async () => {
    const source = await listen({ protocol: 'tcp' });
    const first = await sender(source.port);
    first.write(halves(0.5));
    await expect.poll(() => source.chunks.length).toBe(1);
    const second = connect(source.port, '127.0.0.1');
    await once(second, 'close');
    first.destroy();
    await source.stop();
  });

  it('takes datagrams', async () => {
    const source = await listen({ protocol: 'udp', format: { encoding: 'f32le', channels: 2 } });
    const socket = createSocket('udp4');
    const send = (...values: number[]) =>
      new Promise((resolve) =>
        socket.send(Buffer.from(Float32Array.from(values).buffer), source.port, '127.0.0.1', resolve),
      );
    await send(0.5, 0.25);
    await send(-1, 0);
    await expect.poll(source.samples).toEqual([0.375, -0.5]);
    socket.close();
    await source.stop();
  });

  it('lets the port go when it stops', async () => {
    for (const protocol of ['tcp', 'udp'] as const) {
      const first = await listen({ protocol });
      await first.stop();
      const second = await listen({ protocol, port: first.port });
      expect(second.port).toBe(first.port);
      await second.stop();
    }
  });

  it('says what is wrong with a port that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await expect(listen({ protocol: 'tcp', port })).rejects.toMatchObject({
      code: 'STREAM',
      message: expect.stringContaining('another program uses this port'),
    });
    taken.close();
  });

  it.each([{ port: 70_000 }, { port: 1.5 }, { protocol: 'sctp' }])('refuses %o', (wrong) => {
    const options = { protocol: 'tcp', port: 0, ...wrong } as NetworkSourceOptions;
    expect(() => networkSource(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
