import type { Node, NodeStatus } from 'node-red';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StatusLight } from '../../nodes/status-light.ts';

const shown: { text: string | undefined; at: number }[] = [];
const node = {
  status: ({ text }: NodeStatus) => shown.push({ text, at: performance.now() }),
} as unknown as Node;
const texts = () => shown.map(({ text }) => text);

describe('StatusLight', () => {
  beforeEach(() => {
    shown.length = 0;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => vi.useRealTimers());

  it('shows the most important voice, and the next one when that is silent', () => {
    const light = new StatusLight(node);
    light.say('work', { text: 'ready' });
    vi.advanceTimersByTime(1000);
    light.say('condition', { text: 'away' });
    vi.advanceTimersByTime(1000);
    light.say('queue', { text: 'queue 3' });
    vi.advanceTimersByTime(1000);
    light.say('condition');
    vi.advanceTimersByTime(1000);
    light.say('queue');
    vi.advanceTimersByTime(1000);
    expect(texts()).toEqual(['ready', 'away', 'queue 3', 'ready']);
  });

  it('never shows more than one status a second, and always the last one', () => {
    const light = new StatusLight(node);
    for (let i = 0; i < 500; i++) {
      light.say('queue', { text: `queue ${i}` });
      vi.advanceTimersByTime(10);
    }
    vi.advanceTimersByTime(1000);
    expect(shown.length).toBeLessThanOrEqual(7);
    for (const [i, { at }] of shown.entries()) {
      if (i > 0) expect(at - shown[i - 1]!.at).toBeGreaterThanOrEqual(1000);
    }
    expect(texts().at(-1)).toBe('queue 499');
  });

  it('is silent after it was closed', () => {
    const light = new StatusLight(node);
    light.say('work', { text: 'ready' });
    light.say('work', { text: 'later' });
    light.close();
    vi.advanceTimersByTime(5000);
    expect(texts()).toEqual(['ready']);
  });
});
