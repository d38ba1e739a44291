import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { encodeWav } from '../../src/audio/index.ts';
import { noFfmpeg } from '../audio/needs-ffmpeg.ts';
import { noise } from '../audio/signals.ts';
import { NodeRed } from './node-red.ts';

/** The route behind capture's test button: it must tell the outcome, and neither a login nor what a server says. */
describe('the test of a source', { timeout: 60_000 }, () => {
  let nodeRed: NodeRed;
  let server: Server;
  const asked: string[] = [];
  let host: string;
  const wav = encodeWav(noise(2, 0.3), 16_000);

  beforeAll(async () => {
    await build();
    server = createServer((request, response) => {
      asked.push(request.url!);
      if (request.url === '/two.wav') response.end(wav);
      else if (request.url === '/page') response.end('<h1>inner secret</h1>');
      else if (request.url === '/login') response.writeHead(401).end();
      else if (request.url === '/broken') response.writeHead(500).end('inner secret');
      else if (request.url === '/live') {
        const beginning = Buffer.from(wav);
        // It does not know its length.
        for (const at of [4, 40]) beginning.writeUInt32LE(0xffff_ffff, at);
        response.write(beginning);
        const goesOn = setInterval(() => response.write(wav.subarray(44)), 100);
        response.once('close', () => clearInterval(goesOn));
      }
      // Whoever asks for this is kept waiting.
      else if (request.url !== '/silent') response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    host = `127.0.0.1:${(server.address() as { port: number }).port}`;
    nodeRed = await NodeRed.start({ flows: [{ id: 'tab', type: 'tab', label: 'empty' }] });
    const own = (name: string) => path.join(nodeRed.userDir, name);
    writeFileSync(own('two.wav'), wav);
    writeFileSync(own('words.txt'), 'no sound at all');
    for (const folder of ['nothing', 'some']) mkdirSync(own(folder));
    writeFileSync(own('some/a.wav'), wav);
    writeFileSync(own('some/b.mp3'), '');
  }, 120_000);
  afterAll(async () => {
    await nodeRed?.stop();
    server?.closeAllConnections();
    server?.close();
  });

  async function ask(body: object, type = 'application/json'): Promise<[number, unknown]> {
    const response = await fetch(`${nodeRed.url}/earmark/capture/test`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: JSON.stringify(body),
    });
    return [response.status, await response.json()];
  }
  const file = (text: string) => ask({ source: 'file', text });
  const url = (text: string) => ask({ source: 'url', text });

  test('says what a file is, in the user directory, among the sample sounds, or anywhere', async () => {
    const sound = {
      ...{ container: 'wav', codec: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
      seconds: expect.closeTo(2, 2),
    };
    expect(await file('two.wav')).toEqual([200, { outcome: 'sound', sound }]);
    expect(await file(path.join(nodeRed.userDir, 'two.wav'))).toEqual([200, { outcome: 'sound', sound }]);
    expect(await file('sounds/01-doorbell.wav')).toEqual([
      200,
      { outcome: 'sound', sound: expect.objectContaining({ container: 'wav' }) },
    ]);
  });

  test('counts the files of a folder, or those that a pattern names', async () => {
    expect(await file('some')).toEqual([200, { outcome: 'folder', files: 2, more: false }]);
    expect(await file('some/*.wav')).toEqual([200, { outcome: 'folder', files: 1, more: false }]);
    expect(await file('nothing')).toEqual([200, { outcome: 'empty-folder' }]);
    expect(await file('some/*.flac')).toEqual([200, { outcome: 'empty-folder' }]);
  });

  test('says what is wrong with a path', async () => {
    expect(await file('gone.wav')).toEqual([200, { outcome: 'not-found' }]);
    expect(await file('words.txt')).toEqual([200, { outcome: 'not-audio' }]);
    expect(await file('/dev/zero')).toEqual([200, { outcome: 'not-found' }]);
  });

  test('opens no address of another scheme', async () => {
    for (const text of ['ftp://127.0.0.1/a.wav', 'file:///etc/passwd', 'concat:a|b', '-i']) {
      expect(await url(text)).toEqual([200, { outcome: 'invalid' }]);
    }
  });

  test.skipIf(noFfmpeg)('says what an address sends, or what is wrong with it', async () => {
    expect(await url(`http://anna:s3cret@${host}/two.wav`)).toEqual([
      200,
      {
        outcome: 'sound',
        sound: {
          ...{ container: 'wav', codec: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
          seconds: expect.closeTo(2, 1),
        },
      },
    ]);
    // Without a length: it is live.
    expect(await url(`http://${host}/live`)).toEqual([
      200,
      {
        outcome: 'sound',
        sound: { container: 'wav', codec: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
      },
    ]);
    expect(await url(`http://${host}/page`)).toEqual([200, { outcome: 'not-audio' }]);
    expect(await url(`http://anna:s3cret@${host}/login`)).toEqual([200, { outcome: 'refused' }]);
    expect(await url(`http://${host}/gone`)).toEqual([200, { outcome: 'nothing-there' }]);
    expect(await url(`http://${host}/broken`)).toEqual([200, { outcome: 'nothing-there' }]);
    expect(await url('http://127.0.0.1:9/returned%20404')).toEqual([200, { outcome: 'unreachable' }]);
  });

  test.skipIf(noFfmpeg)('waits no longer than ten seconds, and leaves nobody else waiting', async () => {
    const asking = performance.now();
    const first = url(`http://${host}/silent`);
    await expect.poll(() => asked, { timeout: 20_000 }).toContain('/silent');
    expect(await file('two.wav')).toMatchObject([200, { outcome: 'sound' }]);
    expect(await first).toEqual([200, { outcome: 'overtaken' }]);
    expect(performance.now() - asking).toBeLessThan(9000);
    const alone = performance.now();
    expect(await url(`http://${host}/silent`)).toEqual([200, { outcome: 'no-answer' }]);
    expect(performance.now() - alone).toBeLessThan(20_000);
  });

  test.each([
    ['another source', { source: 'microphone', text: 'default' }],
    ['no text', { source: 'url' }],
    ['an empty text', { source: 'file', text: ' ' }],
    ['a text that is too long', { source: 'url', text: `http://${'x'.repeat(3000)}` }],
  ])('refuses %s', async (_name, body) => {
    expect(await ask(body)).toEqual([400, { code: 'BAD_REQUEST', message: expect.stringMatching(/\.$/) }]);
  });

  test('refuses a form, which any page could send', async () => {
    const before = asked.length;
    expect((await ask({ source: 'url', text: `http://${host}/two.wav` }, 'text/plain'))[0]).toBe(400);
    expect(asked.length).toBe(before);
  });

  test('leaves no login in the log', () => {
    expect(nodeRed.log.join('\n')).not.toMatch(/anna|s3cret/);
  });
});
