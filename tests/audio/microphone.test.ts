import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  listAudioDevices,
  parseAlsaDevices,
  parseFfmpegDevices,
  parsePulseSources,
} from '../../src/audio/audio-devices.ts';
import type { SourceEvent } from '../../src/audio/audio-source.ts';
import { measureFrequencyRange } from '../../src/audio/frequency-range.ts';
import { measureLevel } from '../../src/audio/level.ts';
import { type MicrophoneOptions, microphoneSource } from '../../src/audio/microphone.ts';
import type { PcmChunk } from '../../src/audio/pcm.ts';
import { recorderByName } from '../../src/audio/recorder.ts';
import { noVirtualMicrophone, VirtualMicrophone } from '../virtual-microphone.ts';
import { liveChildren } from './live-children.ts';
import { collect, joined, sine } from './signals.ts';

/** Records until `enough`, and returns what came. */
async function record(
  options: MicrophoneOptions,
  enough: (chunks: PcmChunk[], events: SourceEvent[]) => boolean,
) {
  const abort = new AbortController();
  const chunks: PcmChunk[] = [];
  const events: SourceEvent[] = [];
  const onEvent = (event: SourceEvent) => events.push(event);
  try {
    for await (const chunk of microphoneSource({ ...options, onEvent }).chunks(abort.signal)) {
      chunks.push(chunk);
      if (enough(chunks, events)) abort.abort();
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    expect(error).toMatchObject({ code: 'CANCELLED' });
  }
  return { chunks, events, samples: joined(chunks.map(({ samples }) => samples)) };
}

describe('microphoneSource with recorders that misbehave', () => {
  const path = process.env.PATH;
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'earmark-recorders-'));
    // Nothing but these recorders, and what shell scripts need.
    for (const tool of ['sh', 'sleep', 'head', 'cat', 'rm', 'test', 'printf', 'echo', 'ps']) {
      symlinkSync(findTool(tool), join(folder, tool));
    }
    process.env.PATH = folder;
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true, force: true });
  });

  function recorder(name: string, script: string) {
    writeFileSync(join(folder, name), `#!${join(folder, 'sh')}\ncd ${folder}\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const second = 'head -c 32000 /dev/zero';

  it('says what to install where there is none', async () => {
    await expect(collect(microphoneSource().chunks())).rejects.toMatchObject({
      code: 'NO_RECORDER',
      message: expect.stringMatching(/install/i),
    });
    await expect(collect(microphoneSource({ recorder: 'sox' }).chunks())).rejects.toMatchObject({
      code: 'NO_RECORDER',
    });
  });

  it.each([
    ['NO_DEVICE', 'arecord: main:831: audio open error: No such file or directory'],
    ['NO_DEVICE', 'Connection failure: Connection refused'],
    ['DEVICE_BUSY', 'arecord: main:831: audio open error: Device or resource busy'],
    ['RECORDER_DIED', 'Aborted'],
  ])('says %s where the recorder says "%s"', async (code, complaint) => {
    recorder('arecord', `echo "${complaint}" >&2; exit 1`);
    await expect(collect(microphoneSource({ retries: 0 }).chunks())).rejects.toMatchObject({
      code,
      retryable: true,
      message: expect.stringContaining(complaint),
    });
  });

  it('takes the next recorder where the first cannot open the device', async () => {
    recorder('parec', 'echo "Connection failure: Connection refused" >&2; exit 1');
    recorder('arecord', `${second}; exec sleep 9`);
    const { events } = await record({}, (chunks) => chunks.length > 0);
    expect(events).toMatchObject([{ type: 'started', via: 'arecord' }]);
  });

  it('understands the recorders of a machine that speaks German', async () => {
    const english = '"Connection failure: Connection refused"';
    recorder(
      'parec',
      `test "$LC_ALL" = C && echo ${english} >&2 || echo "Verbindungsfehler: Verbindung verweigert" >&2; exit 1`,
    );
    recorder('arecord', `${second}; exec sleep 9`);
    const { events } = await record({ retries: 0 }, (chunks) => chunks.length > 0);
    expect(events).toMatchObject([{ type: 'started', via: 'arecord' }]);
  });

  it('starts a recorder that dies again, and marks the time without it', async () => {
    recorder('arecord', `${second}; test -e again && exec sleep 9; echo > again; exit 1`);
    const { chunks, events } = await record({}, (_, seen) => seen.some(({ type }) => type === 'recovered'));
    expect(events).toMatchObject([
      { type: 'started', via: 'arecord' },
      { type: 'lost', error: { code: 'RECORDER_DIED' } },
      { type: 'recovered' },
    ]);
    const gap = chunks.find((chunk) => chunk.gap)!;
    expect(chunks.filter((chunk) => chunk.gap)).toEqual([gap]);
    expect(gap.firstSample).toBeGreaterThanOrEqual(16_000);
  });

  it('outlives a time in which no more files can be opened', () => {
    recorder('arecord', 'exit 1');
    const script = `
      import { openSync } from 'node:fs';
      import { microphoneSource } from '${import.meta.resolve('../../src/audio/microphone.ts')}';
      const said = [];
      const listen = async (retries) => {
        for await (const _ of microphoneSource({ retries, onEvent: ({ type }) => said.push(type) }).chunks());
      };
      // Loads what is loaded late.
      await listen(0).catch(() => {});
      try { for (;;) openSync('/dev/null'); } catch {}
      await listen(1).catch(({ code }) => said.push(code));
      console.log(said.join(' '));`;
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, script],
      { encoding: 'utf8', env: { ...process.env, NODE_NO_WARNINGS: '1' } },
    );
    expect({ stdout, stderr }).toEqual({ stdout: 'lost RECORDER_DIED\n', stderr: '' });
  });

  it('gives up after the retries it was allowed', async () => {
    recorder('arecord', 'exit 1');
    const events: SourceEvent[] = [];
    const reading = collect(
      microphoneSource({ retries: 2, onEvent: (event) => events.push(event) }).chunks(),
    );
    await expect(reading).rejects.toMatchObject({ code: 'RECORDER_DIED' });
    expect(events.map(({ type }) => type)).toEqual(['lost', 'lost']);
    const [first, next] = events as { retryInMs: number }[];
    expect(next!.retryInMs).toBeGreaterThan(first!.retryInMs);
  });

  it('takes a recorder that goes silent for dead', async () => {
    recorder('arecord', `${second}; exec sleep 60`);
    const reading = collect(microphoneSource({ retries: 0, silenceMs: 300 }).chunks());
    await expect(reading).rejects.toMatchObject({ code: 'RECORDER_DIED' });
    expect(liveChildren()).not.toContain('sleep');
  });

  it('believes a recorder that says it has lost audio', async () => {
    recorder(
      'arecord',
      `${second}; echo "overrun!!! (at least 250.000 ms long)" >&2; sleep 1; ${second}; exec sleep 9`,
    );
    const { chunks } = await record({}, (seen) => seen.some(({ gap }) => gap));
    expect(chunks.at(-1)).toMatchObject({ gap: true, firstSample: 20_000 });
  });

  it('never makes the recorder wait for a slow consumer: it drops, and marks the gap', async () => {
    recorder('arecord', 'head -c 320000 /dev/zero; exec sleep 9');
    const events: SourceEvent[] = [];
    const abort = new AbortController();
    const seen: PcmChunk[] = [];
    try {
      for await (const chunk of microphoneSource({
        bufferMs: 2000,
        onEvent: (event) => events.push(event),
      }).chunks(abort.signal)) {
        seen.push(chunk);
        if (seen.length === 1) await expect.poll(() => dropped(events)).toBeGreaterThan(6000);
        if (chunk.firstSample + chunk.samples.length === 160_000) abort.abort();
      }
    } catch {}
    const heard = seen.reduce((sum, { samples }) => sum + samples.length / 16, 0);
    expect(heard + dropped(events)).toBeCloseTo(10_000, 3);
    expect(seen.filter(({ gap }) => gap).length).toBe(1);
  });

  it('ends the recorder with the listening', async () => {
    recorder('arecord', `${second}; exec sleep 60`);
    for await (const _ of microphoneSource().chunks()) break;
    expect(liveChildren()).not.toContain('sleep');
  });
});

function dropped(events: readonly SourceEvent[]): number {
  return events.reduce((sum, event) => sum + (event.type === 'dropped' ? event.milliseconds : 0), 0);
}

function findTool(name: string): string {
  const folders = ['/bin', '/usr/bin', ...(process.env.PATH ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file))!;
}

describe('arecord', () => {
  it.each(['hw:1,0', undefined])('is to convert what the device %s has at another rate only', (device) => {
    const args = recorderByName('arecord')!.args(device, 16_000);
    expect(args[args.indexOf('-D') + 1]).toBe(`plug:'${device ?? 'default'}'`);
  });
});

describe.skipIf(noVirtualMicrophone)(
  `microphoneSource with a virtual microphone${noVirtualMicrophone === undefined ? '' : ` (${noVirtualMicrophone})`}`,
  () => {
    let microphone: VirtualMicrophone;
    beforeAll(async () => {
      microphone = await VirtualMicrophone.start();
    });
    afterAll(() => microphone?.stop());

    it('is in the list of devices', async () => {
      const devices = await listAudioDevices();
      expect(devices).toContainEqual(expect.objectContaining({ device: 'vmic', recorder: 'arecord' }));
      expect(devices).toContainEqual(
        expect.objectContaining({ device: 'vmic', recorder: 'parec', monitor: false }),
      );
    });

    it.each(['arecord', 'parec', 'ffmpeg'] as const)('hears by %s what is played', async (recorder) => {
      const playing = microphone.play(sine(1000, 2, 48_000, 0.4), 48_000);
      const device = recorder === 'ffmpeg' ? {} : { device: 'vmic' };
      const loud = ({ samples }: PcmChunk) => measureLevel(samples).level > -15;
      const { samples } = await record(
        { recorder, ...device },
        (chunks) => chunks.filter(loud).reduce((sum, chunk) => sum + chunk.samples.length, 0) >= 12_000,
      );
      await playing;
      const heard = samples.subarray(samples.length - 8000);
      const { low, high } = measureFrequencyRange(heard, 16_000);
      expect(low).toBeGreaterThan(950);
      expect(high).toBeLessThan(1050);
      // The middle of what sounds, by the fiftieth of a second: a busy machine's player has holes of its own.
      const levels = Array.from({ length: samples.length / 320 }, (_, i) =>
        measureLevel(samples.subarray(320 * i, 320 * (i + 1))),
      )
        .map(({ level }) => level)
        .filter((level) => level > -15)
        .toSorted((a, b) => a - b);
      expect(levels[levels.length >> 1]).toBeCloseTo(20 * Math.log10(0.4) - 3, 0);
    });

    it('comes back by itself when it is unplugged and plugged in again', async () => {
      const steps = (async () => {
        await sleep(800);
        await microphone.unplug();
        await sleep(500);
        await microphone.replug();
      })();
      const { chunks, events } = await record({ device: 'vmic' }, (_, seen) =>
        seen.some(({ type }) => type === 'recovered'),
      );
      await steps;
      expect(events.map(({ type }) => type)).toContain('lost');
      const gap = chunks.at(-1)!;
      expect(gap.gap).toBe(true);
      // Time went on by the clock: about as long as it was away.
      const before = chunks.at(-2)!;
      expect(gap.firstSample - before.firstSample - before.samples.length).toBeGreaterThan(4000);
    });
  },
);

describe('the lists of devices', () => {
  it('reads those of arecord', () => {
    const text = [
      'null',
      '    Discard all samples (playback) or generate zero samples (capture)',
      'default',
      '    Playback/recording through the PulseAudio sound server',
      'hw:CARD=Device,DEV=0',
      '    USB Audio Device, USB Audio',
      '    Direct hardware device without any conversions',
      'plughw:CARD=Device,DEV=0',
      '    USB Audio Device, USB Audio',
      '    Hardware device with all software conversions',
      'vmic',
      '',
    ].join('\n');
    expect(parseAlsaDevices(text).map(({ device, name }) => [device, name])).toEqual([
      ['default', 'Playback/recording through the PulseAudio sound server'],
      ['plughw:CARD=Device,DEV=0', 'USB Audio Device, USB Audio'],
      ['vmic', 'vmic'],
    ]);
  });

  it('reads those of pactl', () => {
    const json = JSON.stringify([
      { name: 'alsa_output.pci.monitor', description: 'Monitor of Built-in Audio' },
      { name: 'alsa_input.usb', description: 'USB Microphone' },
      { unexpected: true },
    ]);
    expect(parsePulseSources(json)).toEqual([
      {
        device: 'alsa_output.pci.monitor',
        recorder: 'parec',
        name: 'Monitor of Built-in Audio',
        monitor: true,
      },
      { device: 'alsa_input.usb', recorder: 'parec', name: 'USB Microphone', monitor: false },
    ]);
  });

  it('reads those of ffmpeg on macOS and Windows', () => {
    const mac = [
      '[AVFoundation indev @ 0x1] AVFoundation video devices:',
      '[AVFoundation indev @ 0x1] [0] FaceTime HD Camera',
      '[AVFoundation indev @ 0x1] AVFoundation audio devices:',
      '[AVFoundation indev @ 0x1] [0] MacBook Pro Microphone',
    ].join('\n');
    expect(parseFfmpegDevices(mac).map(({ device, name }) => [device, name])).toEqual([
      ['0', 'MacBook Pro Microphone'],
    ]);
    const windows = [
      '[dshow @ 0x1] "Integrated Camera" (video)',
      '[dshow @ 0x1] "Microphone (USB Audio Device)" (audio)',
      '[dshow @ 0x1]   Alternative name "@device_cm_{33D9A762}"',
    ].join('\n');
    expect(parseFfmpegDevices(windows).map(({ device }) => device)).toEqual([
      'Microphone (USB Audio Device)',
    ]);
  });
});
