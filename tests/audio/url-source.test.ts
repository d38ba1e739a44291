import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { SourceEvent } from '../../src/audio/audio-source.ts';
import { measureFrequencyRange } from '../../src/audio/frequency-range.ts';
import type { PcmChunk } from '../../src/audio/pcm.ts';
import { urlSource } from '../../src/audio/url-source.ts';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import { liveChildren } from './live-children.ts';
import { noFfmpeg } from './needs-ffmpeg.ts';
import { RtspCamera } from './rtsp-camera.ts';
import { collect, joined, noise } from './signals.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Serves what `answer` gives, and returns the address with credentials in it. */
async function serve(answer: (response: ServerResponse, request: number) => void): Promise<string> {
  let requests = 0;
  server = createServer((_, response) => answer(response, requests++)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return `http://anna:s3cret@127.0.0.1:${port}/live/a.wav?token=t0ken`;
}

const wav = encodeWav(noise(1, 0.3), 16_000);

describe.skipIf(noFfmpeg)('urlSource (needs ffmpeg)', () => {
  it('reads what lies at an address to its end', async () => {
    const url = await serve((response) => response.end(wav));
    const chunks = await collect(urlSource(url).chunks());
    expect(chunks.reduce((sum, { samples }) => sum + samples.length, 0)).toBe(16_000);
  });

  it('names the source, and every error, without user, password or query', async () => {
    const url = await serve((response) => {
      response.statusCode = 404;
      response.end();
    });
    const source = urlSource(url);
    const error: Error = await collect(source.chunks()).then(
      () => new Error('nothing was thrown'),
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'STREAM', message: expect.stringContaining('404') });
    for (const secret of ['anna', 's3cret', 't0ken']) {
      expect(source.info.sourceId + error.message + error.stack + String(error.cause)).not.toContain(secret);
    }
    expect(source.info.sourceId).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/live\/a\.wav$/);
  });

  it('keeps out a short user name without spoiling the words around it', async () => {
    const url = await serve((response) => response.writeHead(404).end());
    const reading = collect(urlSource(url.replace('anna:s3cret', 'o:r').replace('t0ken', 'x')).chunks());
    await expect(reading).rejects.toMatchObject({
      message: expect.stringMatching(
        / http:\/\/…@127[\d.:]+\/live\/a\.wav\?…: Server returned 404 Not Found$/,
      ),
    });
  });

  it.each([
    ['closed', (socket: Socket) => socket.end()],
    ['reset', (socket: Socket) => setTimeout(() => socket.resetAndDestroy(), 100)],
  ])('says that a connection was %s before the end, after what was heard', async (_how, end) => {
    const url = await serve((response) => {
      response.writeHead(200, { 'Content-Length': wav.length });
      response.write(wav.subarray(0, wav.length / 2), () => end(response.socket!));
    });
    let heard = 0;
    const reading = (async () => {
      for await (const { samples } of urlSource(url).chunks()) heard += samples.length;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'STREAM', message: expect.stringContaining('lost') });
    expect(heard).toBeGreaterThan(7000);
  });

  it('takes the end of what has no length for its end', async () => {
    const url = await serve((response) => {
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { Connection: 'close' }).end(wav);
    });
    const chunks = await collect(urlSource(url).chunks());
    expect(chunks.reduce((sum, { samples }) => sum + samples.length, 0)).toBe(16_000);
  });

  it('connects again to what should never end, and marks the hole', async () => {
    const url = await serve((response) => response.end(wav));
    const events: SourceEvent[] = [];
    const abort = new AbortController();
    const chunks: PcmChunk[] = [];
    const source = urlSource(url, { live: true, onEvent: (event) => events.push(event) });
    const reading = (async () => {
      for await (const chunk of source.chunks(abort.signal)) {
        chunks.push(chunk);
        if (events.some(({ type }) => type === 'recovered')) abort.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(events.map(({ type }) => type).slice(0, 3)).toEqual(['started', 'lost', 'recovered']);
    for (const [i, chunk] of chunks.entries()) {
      const next = i === 0 ? 0 : chunks[i - 1]!.firstSample + chunks[i - 1]!.samples.length;
      expect(chunk.firstSample).toBeGreaterThanOrEqual(next);
      if (chunk.firstSample > next) expect(chunk.gap).toBe(true);
    }
    expect(chunks.some(({ gap }) => gap)).toBe(true);
    expect(liveChildren()).not.toContain('ffmpeg');
  });

  it('hears a camera by RTSP, and again when it has hung up', async () => {
    await using camera = await RtspCamera.start();
    const events: SourceEvent[] = [];
    const source = urlSource(camera.url(), { onEvent: (event) => events.push(event) });
    const chunks: PcmChunk[] = [];
    const abort = new AbortController();
    const reading = (async () => {
      let heard = 0;
      for await (const chunk of source.chunks(abort.signal)) {
        chunks.push(chunk);
        heard += chunk.samples.length;
        if (heard > 8000 && !events.some(({ type }) => type === 'lost')) camera.hangUp();
        if (chunk.gap) abort.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(events.map(({ type }) => type)).toEqual(['started', 'lost', 'recovered']);
    expect(JSON.stringify(events) + source.info.sourceId).not.toMatch(/anna|s3cret/);
    const heard = joined(chunks.filter(({ gap }) => !gap).map(({ samples }) => samples));
    const { low, high } = measureFrequencyRange(heard.slice(0, 8000), 16_000);
    expect(low).toBeLessThan(700);
    expect(high).toBeGreaterThan(700);
    expect(high - low).toBeLessThan(200);
    expect(liveChildren()).not.toContain('ffmpeg');
  });

  it('says that a camera does not take the password', async () => {
    await using camera = await RtspCamera.start();
    const reading = collect(urlSource(camera.url('anna', 'wrong'), { retries: 0 }).chunks());
    await expect(reading).rejects.toMatchObject({
      code: 'STREAM',
      message: expect.stringMatching(/^rtsp:\/\/127\.0\.0\.1:\d+\/live cannot be heard: .*401/),
    });
  });

  it('gives a silent connection up', async () => {
    const url = await serve((response) => response.write(wav.subarray(0, 44)));
    const reading = collect(urlSource(url, { silenceMs: 1000 }).chunks());
    await expect(reading).rejects.toMatchObject({
      code: 'STREAM',
      message: expect.stringContaining('no audio'),
    });
  });
});

describe('urlSource', () => {
  it.each(['file:///etc/passwd', 'concat:a|b', 'ftp://host/a', 'nonsense', ''])('refuses "%s"', (url) => {
    expect(() => urlSource(url)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
