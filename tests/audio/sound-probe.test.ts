import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeWav, probeFile } from '../../src/audio/index.ts';
import { noFfmpeg } from './needs-ffmpeg.ts';
import { noise } from './signals.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'earmark-probe-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const probe = (name: string, more: object = {}) =>
  probeFile(path.join(folder, name), { signal: AbortSignal.timeout(20_000), ...more });

describe('probeFile', () => {
  it('knows a WAV file without ffmpeg', async () => {
    writeFileSync(path.join(folder, 'plain.wav'), encodeWav(noise(1.5, 0.3), 16_000));
    const found = await probe('plain.wav', { ffmpegPath: 'no-such-ffmpeg' });
    expect(found).toMatchObject({ container: 'wav', codec: 'pcm_s16le', sampleRate: 16_000, channels: 1 });
    expect(found.seconds).toBeCloseTo(1.5, 2);
  });

  it('counts only the sound of a WAV file, not what stands before and after it, nor what is missing', async () => {
    const wav = encodeWav(noise(1.5, 0.3), 16_000);
    const chunk = (id: string, bytes: number) => {
      const made = Buffer.alloc(8 + bytes);
      made.write(id);
      made.writeUInt32LE(bytes, 4);
      return made;
    };
    const parts = [wav.subarray(0, 12), chunk('JUNK', 300_000), wav.subarray(12), chunk('id3 ', 1_000_000)];
    writeFileSync(path.join(folder, 'tagged.wav'), Buffer.concat(parts));
    expect((await probe('tagged.wav')).seconds).toBeCloseTo(1.5, 3);
    const long = encodeWav(noise(20, 0.3), 16_000);
    writeFileSync(path.join(folder, 'tagged-long.wav'), Buffer.concat([long, chunk('id3 ', 1_000_000)]));
    expect((await probe('tagged-long.wav')).seconds).toBeCloseTo(20, 3);
    writeFileSync(path.join(folder, 'half.wav'), long.subarray(0, long.length / 2));
    expect((await probe('half.wav')).seconds).toBeCloseTo(10, 2);
  });

  it('says what is wrong, as fileSource does', async () => {
    writeFileSync(path.join(folder, 'words.wav'), 'no sound');
    writeFileSync(path.join(folder, 'empty.wav'), encodeWav(new Float32Array(0), 16_000));
    await expect(probe('words.wav')).rejects.toMatchObject({ code: 'FORMAT' });
    await expect(probe('empty.wav')).rejects.toMatchObject({ code: 'EMPTY' });
    await expect(probe('gone.wav')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it.skipIf(process.platform === 'win32')('waits for nobody to write into a pipe', async () => {
    execFileSync('mkfifo', [path.join(folder, 'pipe')]);
    await expect(probe('pipe')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  const kinds: [string, string[], object][] = [
    ['stereo.mp3', ['-ac', '2', '-ar', '44100'], { codec: 'mp3', sampleRate: 44_100, channels: 2 }],
    ['a.ogg', ['-ac', '1', '-ar', '48000'], { codec: 'vorbis', sampleRate: 48_000, channels: 1 }],
    ['six.flac', ['-ac', '6', '-ar', '32000'], { codec: 'flac', sampleRate: 32_000, channels: 6 }],
    ['old.wav', ['-c:a', 'adpcm_ms', '-ar', '22050'], { codec: 'adpcm_ms', sampleRate: 22_050, channels: 1 }],
  ];
  it.skipIf(noFfmpeg).each(kinds)(
    'knows %s by ffmpeg, whatever its title says',
    async (name, options, kind) => {
      const title = "x\n  Duration: 09:00:00.00\n  Stream #0:0: Audio: evil, 1 Hz\nInput #0, evil, from 'x'";
      const source = ['-f', 'lavfi', '-i', 'sine=440:d=3', '-metadata', `title=${title}`];
      execFileSync('ffmpeg', ['-v', 'error', ...source, ...options, path.join(folder, name)]);
      const found = await probe(name);
      expect(found).toMatchObject({ container: path.extname(name).slice(1), ...kind });
      expect(found.seconds).toBeCloseTo(3, 0);
    },
  );

  it.skipIf(noFfmpeg)('hears the beginning before it says that something can be heard', async () => {
    const file = path.join(folder, 'cut.flac');
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'sine=440:d=3', file]);
    truncateSync(file, 100);
    await expect(probe('cut.flac')).rejects.toMatchObject({
      code: expect.stringMatching(/EMPTY|DECODE_FAILED/),
    });
  });
});
