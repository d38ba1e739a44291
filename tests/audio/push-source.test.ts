import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AudioError } from '../../src/audio/audio-error.ts';
import type { SourceEvent } from '../../src/audio/audio-source.ts';
import { PushSource } from '../../src/audio/push-source.ts';
import { collect, joined, sine } from './signals.ts';

describe('PushSource', () => {
  it('hands on what is pushed, at its own rate', async () => {
    const source = new PushSource({ sourceId: 'browser', overflow: 'error' });
    const tone = sine(1000, 1, 48_000);
    for (let at = 0; at < tone.length; at += 4800) source.push(tone.slice(at, at + 4800), 48_000);
    source.end();
    const chunks = await collect(source.chunks());
    expect(joined(chunks.map(({ samples }) => samples)).length).toBe(16_000);
    expect(chunks.every(({ gap }) => !gap)).toBe(true);
    expect(chunks[0]!.startedAt).toBeGreaterThan(Date.now() - 10_000);
  });

  it('makes silence of what is not a number and clips what is too loud', async () => {
    const source = new PushSource({ sourceId: 'browser', overflow: 'error' });
    source.push(Float32Array.of(0, Number.NaN, Number.NEGATIVE_INFINITY, 7, -7), 16_000);
    source.push(sine(1000, 0.1), 16_000);
    source.end();
    const samples = joined((await collect(source.chunks())).map((chunk) => chunk.samples));
    expect(samples.subarray(0, 3)).toEqual(Float32Array.of(0, 0, 0));
    expect(samples[3]).toBe(1);
    expect(Math.max(...samples.subarray(5).map(Math.abs))).toBeLessThan(0.7);
  });

  it('tells when it was heard by the clock, also where that is set or nothing comes for a while', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const source = new PushSource({ sourceId: 'browser', overflow: 'error', bufferMs: 60_000 });
    // Seconds at which a second of sound has come.
    const day = 86_400;
    for (const seconds of [
      day,
      day + 1,
      day + 2.2,
      day + 3,
      day + 60,
      day + 61,
      7 * day,
      7 * day + 1,
      5,
      6,
    ]) {
      vi.setSystemTime(seconds * 1000);
      source.push(new Float32Array(16_000), 16_000);
    }
    source.end();
    const chunks = await collect(source.chunks());
    const heard = chunks.map(({ startedAt, firstSample }) => startedAt! / 1000 + firstSample / 16_000);
    // The third was held up a little on its way.
    expect(heard).toEqual(
      [day - 1, day, day + 1, day + 2, day + 59, day + 60, 7 * day - 1, 7 * day, 4, 5].map((time) =>
        expect.closeTo(time, 3),
      ),
    );
  });

  it('drops the oldest, says how much, and marks the gap', async () => {
    const events: SourceEvent[] = [];
    const source = new PushSource({
      sourceId: 'browser',
      overflow: 'dropOldest',
      bufferMs: 300,
      onEvent: (event) => events.push(event),
    });
    for (let i = 0; i < 5; i++) source.push(new Float32Array(1600), 16_000);
    source.end();
    const chunks = await collect(source.chunks());
    expect(chunks.map(({ firstSample, gap }) => [firstSample, gap])).toEqual([
      [3200, true],
      [4800, false],
      [6400, false],
    ]);
    expect(events.filter(({ type }) => type === 'dropped')).toMatchObject([
      { milliseconds: 100 },
      { milliseconds: 100 },
    ]);
  });

  it('drops the newest where asked', async () => {
    const source = new PushSource({ sourceId: 'browser', overflow: 'dropNewest', bufferMs: 200 });
    for (let i = 0; i < 4; i++) source.push(new Float32Array(1600), 16_000);
    source.end();
    expect((await collect(source.chunks())).map(({ firstSample }) => firstSample)).toEqual([0, 1600]);
  });

  it('fails where nothing may be lost', async () => {
    const source = new PushSource({ sourceId: 'browser', overflow: 'error', bufferMs: 200 });
    for (let i = 0; i < 4; i++) source.push(new Float32Array(1600), 16_000);
    await expect(collect(source.chunks())).rejects.toMatchObject({ code: 'OVERFLOW' });
  });

  it('counts a loss that it is told of', async () => {
    const source = new PushSource({ sourceId: 'browser', overflow: 'error' });
    source.push(new Float32Array(1600), 16_000);
    source.lose(250);
    source.push(new Float32Array(1600), 16_000);
    source.end();
    expect(await collect(source.chunks())).toMatchObject([
      { firstSample: 0 },
      { firstSample: 5600, gap: true },
    ]);
  });

  it('ends with the error of the one who pushes, or when it is told to stop', async () => {
    const failed = new PushSource({ sourceId: 'browser', overflow: 'error' });
    failed.fail(new AudioError('STREAM', 'gone'));
    await expect(collect(failed.chunks())).rejects.toMatchObject({ code: 'STREAM' });
    const abort = new AbortController();
    const stopped = collect(new PushSource({ sourceId: 'browser', overflow: 'error' }).chunks(abort.signal));
    abort.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('can be read once', async () => {
    const source = new PushSource({ sourceId: 'browser', overflow: 'error' });
    source.end();
    await collect(source.chunks());
    await expect(collect(source.chunks())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('refuses a buffer out of range', () => {
    expect(() => new PushSource({ sourceId: 'x', overflow: 'error', bufferMs: 1 })).toThrow(AudioError);
  });
});
