import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SourceEvent } from '../../src/audio/audio-source.ts';
import { BrowserMicrophone } from '../../src/audio/browser-microphone.ts';
import type { PcmChunk } from '../../src/audio/pcm.ts';

const rate = 16_000;

/** Samples that say where they stand: the part of a recording from `first`, `count` long. */
function part(recording: string, first: number, count: number) {
  const samples = Int16Array.from({ length: count }, (_, i) => (first + i) % 30_000);
  return { recording, firstSample: first, sampleRate: rate, bytes: new Uint8Array(samples.buffer) };
}

describe('BrowserMicrophone', () => {
  const abort = new AbortController();
  let events: SourceEvent[];
  let microphone: BrowserMicrophone;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    events = [];
    microphone = new BrowserMicrophone({
      sourceId: 'browser',
      removeDc: false,
      onEvent: (event) => events.push(event),
    });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function read(count: number): Promise<PcmChunk[]> {
    const chunks: PcmChunk[] = [];
    for await (const chunk of microphone.chunks(abort.signal)) {
      chunks.push(chunk);
      if (chunks.length === count) break;
    }
    return chunks;
  }
  const values = ({ samples }: PcmChunk) => Array.from(samples, (sample) => Math.round(sample * 32_768));

  it('joins parts without a seam', async () => {
    microphone.receive(part('one', 0, 1600));
    microphone.receive(part('one', 1600, 800));
    const chunks = await read(2);
    expect(chunks.map(({ firstSample, gap }) => [firstSample, gap])).toEqual([
      [0, false],
      [1600, false],
    ]);
    expect(chunks.flatMap(values)).toEqual(Array.from({ length: 2400 }, (_, i) => i));
    expect(events).toMatchObject([{ type: 'started' }]);
  });

  it('takes what is sent again only once', async () => {
    microphone.receive(part('one', 0, 1600));
    microphone.receive(part('one', 0, 1600));
    microphone.receive(part('one', 800, 1600));
    expect((await read(2)).flatMap(values)).toEqual(Array.from({ length: 2400 }, (_, i) => i));
  });

  it('marks what the browser had to drop as a gap, and counts it', async () => {
    microphone.receive(part('one', 0, 1600));
    microphone.receive(part('one', 4800, 1600));
    expect((await read(2)).map(({ firstSample, gap }) => [firstSample, gap])).toEqual([
      [0, false],
      [4800, true],
    ]);
    expect(events).toMatchObject([{ type: 'started' }, { type: 'dropped', milliseconds: 200 }]);
  });

  it('lets one browser in at a time, and the next when that has stopped', async () => {
    microphone.receive(part('one', 0, 1600));
    expect(() => microphone.receive(part('two', 0, 1600))).toThrow(
      expect.objectContaining({ code: 'DEVICE_BUSY' }),
    );
    microphone.end('two');
    microphone.end('one');
    vi.advanceTimersByTime(1100);
    microphone.receive(part('two', 0, 1600));
    expect((await read(2)).map(({ firstSample, gap }) => [firstSample, gap])).toEqual([
      [0, false],
      [1600 + rate, true],
    ]);
    expect(events).toMatchObject([
      { type: 'started' },
      { type: 'lost', error: { code: 'STREAM' } },
      { type: 'recovered', lostMs: 1000 },
    ]);
  });

  it('counts a browser that says nothing as gone, and loses nothing of one that only paused', async () => {
    microphone.receive(part('one', 0, 1600));
    vi.advanceTimersByTime(5000);
    expect(events.at(-1)).toMatchObject({ type: 'lost' });
    microphone.receive(part('one', 1600, 1600));
    expect((await read(2)).map(({ firstSample, gap }) => [firstSample, gap])).toEqual([
      [0, false],
      [1600, false],
    ]);
    expect(events.at(-1)).toMatchObject({ type: 'recovered', lostMs: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ['half a sample', { bytes: new Uint8Array(3) }],
    ['a negative position', { firstSample: -1 }],
    ['a position that is no number', { firstSample: Number.NaN }],
    ['an impossible rate', { sampleRate: 12 }],
  ])('refuses %s', (_what, wrong) => {
    expect(() => microphone.receive({ ...part('one', 0, 2), ...wrong })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});
