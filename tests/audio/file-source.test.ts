import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SourceEvent } from '../../src/audio/audio-source.ts';
import { bufferSource } from '../../src/audio/buffer-source.ts';
import { fileSource } from '../../src/audio/file-source.ts';
import { findAudioFiles, folderSource } from '../../src/audio/folder-source.ts';
import type { PcmChunk } from '../../src/audio/pcm.ts';
import { encodeWav } from '../../src/audio/wav-writer.ts';
import { liveChildren } from './live-children.ts';
import { noFfmpeg } from './needs-ffmpeg.ts';
import { collect, joined, noise, sine } from './signals.ts';

let folder: string;
const at = (name: string) => join(folder, name);
const samplesOf = (chunks: readonly PcmChunk[]) => joined(chunks.map((chunk) => chunk.samples));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'earmark-files-'));
  mkdirSync(at('inner'));
  writeFileSync(at('tone.wav'), encodeWav(sine(1000, 1), 16_000));
  writeFileSync(at('inner/high.wav'), encodeWav(sine(3000, 0.5, 48_000), 48_000));
  writeFileSync(at('broken.wav'), 'RIFF but nothing else in it');
  writeFileSync(at('notes.txt'), 'not audio');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('fileSource', () => {
  it('gives mono chunks at 16 kHz that follow each other', async () => {
    const source = fileSource(at('inner/high.wav'));
    expect(source.info).toEqual({ sourceId: at('inner/high.wav'), sampleRate: 16_000 });
    let next = 0;
    for (const chunk of await collect(source.chunks())) {
      expect(chunk).toMatchObject({
        firstSample: next,
        gap: false,
        sampleRate: 16_000,
        sourceId: at('inner/high.wav'),
      });
      next += chunk.samples.length;
    }
    expect(next).toBe(8000);
  });

  it('can be read again, and at another rate', async () => {
    const source = fileSource(at('tone.wav'), { sampleRate: 8000 });
    expect(samplesOf(await collect(source.chunks()))).toEqual(samplesOf(await collect(source.chunks())));
    expect(samplesOf(await collect(source.chunks())).length).toBe(8000);
  });

  it.each([
    ['NOT_FOUND', 'nowhere.wav'],
    ['NOT_FOUND', 'inner'],
    ['FORMAT', 'notes.txt'],
    ['FORMAT', 'broken.wav'],
  ])('says %s for %s, and which file it is', async (code, name) => {
    const reading = collect(fileSource(at(name)).chunks());
    await expect(reading).rejects.toMatchObject({ code, message: expect.stringContaining(at(name)) });
  });

  it('ends with CANCELLED when it is told to stop', async () => {
    writeFileSync(at('inner/long.wav'), encodeWav(noise(5, 0.1), 16_000));
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of fileSource(at('inner/long.wav')).chunks(abort.signal)) abort.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(collect(fileSource(at('tone.wav')).chunks(abort.signal))).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  it.each([
    ['mp3', 'fffb9064'],
    ['aiff', '464f524d00000fff41494646'],
    ['au', '2e736e6400000018000000ff00000003'],
    ['flac', '664c614300000022'],
  ])('says how to install ffmpeg where %s needs it and it is missing', async (ending, head) => {
    writeFileSync(at(`some.${ending}`), Buffer.from(head, 'hex'));
    const reading = collect(fileSource(at(`some.${ending}`), { ffmpegPath: at('no-ffmpeg') }).chunks());
    await expect(reading).rejects.toMatchObject({
      code: 'FFMPEG_MISSING',
      message: expect.stringMatching(/Install it \(.+\) or convert the audio to WAV/),
    });
  });

  it.each([
    ['that hangs', 'exec sleep 60'],
    ['that closes its output and goes on', 'exec >&- 2>&- sleep 60'],
    ['whose child keeps its pipes', 'exec >&-; sleep 5 &'],
  ])('gives up on an ffmpeg %s, and ends it', async (how, command) => {
    const ffmpegPath = at(how);
    writeFileSync(ffmpegPath, `#!/bin/sh\n[ "$2" = "-version" ] && { echo version 1; exit; }\n${command}\n`);
    chmodSync(ffmpegPath, 0o755);
    writeFileSync(at('some.mp3'), Buffer.from('fffb9064', 'hex'));
    const reading = collect(fileSource(at('some.mp3'), { ffmpegPath, timeoutMs: 300 }).chunks());
    await expect(reading).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(liveChildren()).not.toContain('sleep');
  });

  describe.skipIf(noFfmpeg)('by ffmpeg (needs ffmpeg)', () => {
    const encode = (name: string, ...options: string[]) =>
      execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', at('tone.wav'), ...options, `file:${at(name)}`]);

    it('clips what a decoder makes too loud', async () => {
      encode('loud.wv', '-af', 'volume=40dB', '-c:a', 'wavpack', '-sample_fmt', 'fltp');
      const chunks = await collect(fileSource(at('loud.wv'), { removeDc: false }).chunks());
      const loudest = Math.max(
        ...chunks.map(({ samples }) => samples.reduce((m, s) => Math.max(m, Math.abs(s)), 0)),
      );
      expect(loudest).toBe(1);
    });

    it('decodes what is not WAV to the same sound', async () => {
      encode('tone.flac');
      expect(samplesOf(await collect(fileSource(at('tone.flac')).chunks()))).toEqual(
        samplesOf(await collect(fileSource(at('tone.wav')).chunks())),
      );
    });

    it.each(['mp3', 'aac'])(
      'reads %s that begins in the middle of a frame, as recorded from a radio',
      async (ending) => {
        encode(`whole.${ending}`);
        writeFileSync(at(`radio.${ending}`), readFileSync(at(`whole.${ending}`)).subarray(1001));
        const samples = samplesOf(await collect(fileSource(at(`radio.${ending}`)).chunks()));
        expect(samples.length).toBeGreaterThan(8000);
      },
    );

    it('hears two channels as loud as in a WAV file', async () => {
      const stereo = ['-af', 'volume=6dB', '-ac', '2'];
      encode('stereo.wav', ...stereo);
      encode('stereo.flac', ...stereo);
      const loudest = (samples: Float32Array) => samples.reduce((most, s) => Math.max(most, Math.abs(s)), 0);
      const [wav, flac] = await Promise.all(
        ['stereo.wav', 'stereo.flac'].map(async (name) =>
          samplesOf(await collect(fileSource(at(name), { removeDc: false }).chunks())),
        ),
      );
      expect(loudest(wav!)).toBeGreaterThan(0.6);
      expect(loudest(flac!)).toBeCloseTo(loudest(wav!), 2);
    });

    it.each(['wide', 'free', 'skip'])('knows QuickTime that begins with "%s"', async (atom) => {
      encode('new.mov', '-c:a', 'pcm_s16le');
      const file = readFileSync(at('new.mov'), 'latin1').replace('ftyp', atom);
      writeFileSync(at('old.mov'), file, 'latin1');
      expect(samplesOf(await collect(fileSource(at('old.mov')).chunks())).length).toBe(16_000);
    });

    it('takes a name for a name, whatever it looks like', async () => {
      for (const name of ['-i.flac', 'http:x.flac', 'a%03d.flac', "it's & $(odd).flac"]) {
        encode(name);
        expect(samplesOf(await collect(fileSource(at(name)).chunks())).length, name).toBe(16_000);
      }
    });

    it('follows no playlist to other files', async () => {
      writeFileSync(at('list.m3u8'), `#EXTM3U\n#EXTINF:1,\n${at('tone.wav')}\n#EXT-X-ENDLIST\n`);
      writeFileSync(at('list.ffconcat'), `ffconcat version 1.0\nfile '${at('tone.wav')}'\n`);
      for (const name of ['list.m3u8', 'list.ffconcat']) {
        await expect(collect(fileSource(at(name)).chunks())).rejects.toMatchObject({ code: 'FORMAT' });
      }
    });

    it('says that a film without sound is empty', async () => {
      const silent = [
        '-f',
        'lavfi',
        '-i',
        'color=size=16x16:rate=5:duration=1',
        '-c:v',
        'mpeg4',
        at('silent.mp4'),
      ];
      execFileSync('ffmpeg', ['-v', 'error', '-y', ...silent]);
      await expect(collect(fileSource(at('silent.mp4')).chunks())).rejects.toMatchObject({ code: 'EMPTY' });
    });

    it('ends ffmpeg with the reading, and reads no faster than it is read', async () => {
      const long = [
        '-f',
        'lavfi',
        '-i',
        'anoisesrc=duration=100:sample_rate=16000',
        '-c:a',
        'flac',
        at('long.flac'),
      ];
      execFileSync('ffmpeg', ['-v', 'error', '-y', ...long]);
      for await (const _ of fileSource(at('long.flac')).chunks()) {
        expect(liveChildren()).toContain('ffmpeg');
        break;
      }
      expect(liveChildren()).not.toContain('ffmpeg');
    });
  });
});

describe('folderSource', () => {
  it('reads every audio file, each with its name and its own time, and reports those it cannot read', async () => {
    const events: SourceEvent[] = [];
    const chunks = await collect(
      folderSource(at('inner/..'), { onEvent: (event) => events.push(event) }).chunks(),
    );
    const skipped = events.filter((event) => event.type === 'skipped').map((event) => event.sourceId);
    expect(skipped).toContain(at('broken.wav'));
    const first = chunks.filter(({ firstSample }) => firstSample === 0).map(({ sourceId }) => sourceId);
    expect(first).toContain(at('tone.wav'));
    expect(first).toContain(at('inner/high.wav'));
    expect(first).not.toContain(at('notes.txt'));
  });

  it('finds what a glob names, and a single file', async () => {
    expect(await collect(findAudioFiles(at('**/h*.wav')))).toEqual([at('inner/high.wav')]);
    expect(await collect(findAudioFiles(at('tone.wav')))).toEqual([at('tone.wav')]);
  });

  it('takes links to files, none to folders or to nothing', async () => {
    mkdirSync(at('linked'));
    symlinkSync(at('tone.wav'), at('linked/file.wav'));
    symlinkSync(at('inner'), at('linked/folder.wav'));
    symlinkSync(at('nothing'), at('linked/nothing.wav'));
    expect(await collect(findAudioFiles(at('linked')))).toEqual([at('linked/file.wav')]);
    expect(await collect(findAudioFiles(at('linked/*')))).toEqual([at('linked/file.wav')]);
  });

  it('says which folder in it cannot be read, and goes on', async () => {
    mkdirSync(at('outer/b'), { recursive: true });
    writeFileSync(at('outer/a.wav'), encodeWav(sine(1000, 0.1), 16_000));
    writeFileSync(at('outer/c.wav'), encodeWav(sine(1000, 0.1), 16_000));
    const events: SourceEvent[] = [];
    const files = new Set<string | undefined>();
    for await (const { sourceId } of folderSource(at('outer'), {
      onEvent: (event) => events.push(event),
    }).chunks()) {
      files.add(sourceId);
      // One that nobody may read cannot be made for root, whom the tests may run as; one that is gone can.
      rmSync(at('outer/b'), { recursive: true, force: true });
    }
    expect([...files]).toEqual([at('outer/a.wav'), at('outer/c.wav')]);
    expect(events.filter(({ type }) => type === 'skipped')).toMatchObject([
      { sourceId: at('outer/b'), error: { code: 'NOT_FOUND' } },
    ]);
  });

  it.runIf(process.platform === 'linux')('goes on after a file that the disk does not give', async () => {
    mkdirSync(at('disk'));
    // Its first byte cannot be read.
    symlinkSync('/proc/self/mem', at('disk/a.wav'));
    writeFileSync(at('disk/b.wav'), encodeWav(sine(1000, 0.1), 16_000));
    const events: SourceEvent[] = [];
    const source = folderSource(at('disk'), { onEvent: (event) => events.push(event) });
    expect(samplesOf(await collect(source.chunks())).length).toBe(1600);
    expect(events.filter(({ type }) => type === 'skipped')).toMatchObject([
      {
        sourceId: at('disk/a.wav'),
        error: { code: 'DECODE_FAILED', message: expect.stringContaining('EIO') },
      },
    ]);
  });

  it('stops looking for what a glob names', async () => {
    const looking = collect(findAudioFiles(at('**/*.nothing'), AbortSignal.abort()));
    await expect(looking).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('says so where there is no such folder', async () => {
    await expect(collect(folderSource(at('nowhere')).chunks())).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('bufferSource', () => {
  it('reads a WAV in memory as it would from a file', async () => {
    const wav = encodeWav(noise(3, 0.5, 5, 44_100), 44_100);
    writeFileSync(at('noise.wav'), wav);
    expect(samplesOf(await collect(bufferSource(wav).chunks()))).toEqual(
      samplesOf(await collect(fileSource(at('noise.wav')).chunks())),
    );
  });

  it('reads raw samples, whichever channel they are in', async () => {
    const samples = Float32Array.of(0.5, -0.5, 0.25, 0.75);
    const source = bufferSource(new Uint8Array(samples.buffer), {
      raw: { encoding: 'f32le', channels: 2 },
      removeDc: false,
    });
    expect([...samplesOf(await collect(source.chunks()))]).toEqual([0, 0.5]);
  });

  it.each([
    ['FORMAT', new Uint8Array(100), {}],
    ['EMPTY', encodeWav(new Float32Array(0), 16_000), {}],
    ['EMPTY', new Uint8Array(1), { raw: {} }],
    ['INVALID_ARGUMENT', new Uint8Array(100), { raw: { sampleRate: 5 } }],
  ])('says %s', async (code, bytes, options) => {
    await expect(collect(bufferSource(bytes, options).chunks())).rejects.toMatchObject({ code });
  });

  it.skipIf(noFfmpeg)(
    'decodes other formats by ffmpeg and leaves no file behind (needs ffmpeg)',
    async () => {
      const m4a = execFileSync('sh', [
        '-c',
        `ffmpeg -v error -i '${at('tone.wav')}' -c:a aac -y '${at('tone.m4a')}' && cat '${at('tone.m4a')}'`,
      ]);
      const length = samplesOf(await collect(bufferSource(m4a).chunks())).length;
      expect(Math.abs(length - 16_000)).toBeLessThan(2100);
      expect(
        execFileSync('sh', ['-c', `ls -d ${tmpdir()}/earmark-??????/audio 2>/dev/null || true`]).toString(),
      ).toBe('');
    },
  );
});
