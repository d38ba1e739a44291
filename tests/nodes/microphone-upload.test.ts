import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const rate = 8000;
const blockSamples = 800;

interface Part {
  firstSample: number;
  samples: number;
}

/** The page's half of the way, with the network in the test's hands. */
describe('the upload of a browser’s microphone', () => {
  let answer: number;
  let parts: Part[];
  let ended: number;
  let Upload: typeof import('../../nodes/earmark-capture/microphone-page/upload.ts').Upload;

  beforeEach(async () => {
    vi.useFakeTimers();
    [answer, parts, ended] = [204, [], 0];
    vi.stubGlobal('location', { pathname: '/earmark/capture/kitchen/microphone' });
    vi.stubGlobal('localStorage', { getItem: () => null });
    vi.stubGlobal('fetch', async (url: string, { body }: { body?: Blob }) => {
      const query = new URLSearchParams(url.split('?')[1]);
      if (query.get('end') === 'true') ended++;
      else if (answer === 204)
        parts.push({ firstSample: Number(query.get('firstSample')), samples: body!.size / 2 });
      return new Response(null, { status: answer });
    });
    ({ Upload } = await import('../../nodes/earmark-capture/microphone-page/upload.ts'));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  /** Records so many seconds while the clock goes on, and says how many were lost by then. */
  async function record(upload: InstanceType<typeof Upload>, seconds: number): Promise<void> {
    for (let i = 0; i < (seconds * rate) / blockSamples; i++) {
      upload.add(new Int16Array(blockSamples));
      await vi.advanceTimersByTimeAsync((1000 * blockSamples) / rate);
    }
  }
  function start() {
    const answers = new Set<string>();
    const losses: number[] = [];
    const upload = new Upload(rate, { onAnswer: (said) => answers.add(said), onLoss: (s) => losses.push(s) });
    return { upload, done: upload.run(), answers, losses };
  }
  const contiguous = (from: number) => {
    let next = from;
    for (const { firstSample, samples } of parts) {
      expect(firstSample).toBe(next);
      next += samples;
    }
    return next;
  };

  it('sends everything once, in order, and says when it is over', async () => {
    const { upload, done, losses } = start();
    await record(upload, 3);
    upload.end();
    await vi.advanceTimersByTimeAsync(100);
    await done;
    expect(contiguous(0)).toBe(3 * rate);
    expect(losses).toEqual([]);
    expect(ended).toBe(1);
  });

  it('holds what a network that is away for a while does not take', async () => {
    const { upload, answers, losses } = start();
    answer = 502;
    await record(upload, 8);
    answer = 204;
    await record(upload, 3);
    expect(contiguous(0)).toBe(11 * rate);
    expect(losses).toEqual([]);
    expect([...answers]).toEqual(['away', 'ok']);
  });

  it('holds ten seconds and no more, and counts what it loses', async () => {
    const { upload, losses } = start();
    answer = 502;
    await record(upload, 15);
    expect(losses.at(-1)).toBeCloseTo(5, 5);
    answer = 204;
    await record(upload, 3);
    expect(contiguous(parts[0]!.firstSample)).toBe(18 * rate);
    expect(parts[0]!.firstSample).toBe(losses.at(-1)! * rate);
  });

  it('keeps the place of what was not recorded', async () => {
    const { upload, losses } = start();
    await record(upload, 1);
    upload.skip(2000);
    await record(upload, 1);
    expect(losses).toEqual([2]);
    expect(parts.at(-1)!.firstSample + parts.at(-1)!.samples).toBe(4 * rate);
    expect(parts.some(({ firstSample }) => firstSample === 3 * rate)).toBe(true);
  });

  it('gives up when another browser is heard', async () => {
    const { upload, done, answers } = start();
    answer = 409;
    await record(upload, 1);
    await done;
    expect([...answers]).toEqual(['busy']);
    expect(ended).toBe(0);
  });
});
