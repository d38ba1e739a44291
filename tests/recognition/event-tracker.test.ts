import { describe, expect, it } from 'vitest';
import { EventTracker, type HeardLabel } from '../../src/recognition/event-tracker.ts';

const at = (startTime: number, label?: string, more: Partial<HeardLabel> = {}): HeardLabel => ({
  startTime,
  endTime: startTime + 1,
  gap: false,
  ...(label === undefined ? {} : { label }),
  ...more,
});

function announced(tracker: EventTracker, ...heard: HeardLabel[]): boolean[] {
  return heard.map((each) => tracker.hear(each).announce);
}

describe('EventTracker', () => {
  it('announces again only after the label was away for the hold-back', () => {
    const tracker = new EventTracker({ holdBackMs: 2000 });
    expect(announced(tracker, at(0, 'bell'), at(1, 'bell'), at(3.9, 'bell'), at(7, 'bell'))).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('keeps several events apart that go on at once', () => {
    const tracker = new EventTracker();
    expect(announced(tracker, at(0, 'bell'), at(0.5, 'dog'), at(1, 'bell'), at(1.5, 'dog'))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('announces every window without a hold-back', () => {
    expect(announced(new EventTracker({ holdBackMs: 0 }), at(0, 'bell'), at(1, 'bell'))).toEqual([
      true,
      true,
    ]);
  });

  it('announces every window without a hold-back, once the confirmations have come in a row', () => {
    const tracker = new EventTracker({ holdBackMs: 0, confirmations: 3 });
    const bells = [0, 1, 2, 3, 4].map((time) => at(time, 'bell'));
    expect(announced(tracker, ...bells)).toEqual([false, false, true, true, true]);
    expect(tracker.hear(at(5, 'bell')).event).toMatchObject({ startTime: 5, windows: 1 });
    const broken = [at(6, 'dog'), at(7, 'bell'), at(8, 'bell'), at(9, 'bell')];
    expect(announced(tracker, ...broken)).toEqual([false, false, false, true]);
    for (const [time, more] of [
      [10, { gap: true }],
      [1, {}],
    ] as const) {
      const again = [at(time, 'bell', more), at(time + 1, 'bell'), at(time + 2, 'bell')];
      expect(announced(tracker, ...again)).toEqual([false, false, true]);
    }
    expect(announced(tracker, at(20), at(21, 'bell'))).toEqual([false, false]);
    expect(tracker.end()).toEqual([]);
  });

  it('wants the confirmations in a row, without a gap', () => {
    const options = { confirmations: 2 };
    expect(announced(new EventTracker(options), at(0, 'bell'), at(1), at(2, 'bell'), at(3, 'bell'))).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(announced(new EventTracker(options), at(0, 'bell'), at(9, 'bell', { gap: true }))).toEqual([
      false,
      false,
    ]);
  });

  const a = { sourceId: 'a' };
  const b = { sourceId: 'b' };

  it('follows two interleaved sources, each by itself', () => {
    const heard = [at(0, 'bell', a), at(50, 'bell', b), at(1, 'bell', a), at(51, 'bell', b), at(2, 'dog', a)];
    expect(announced(new EventTracker(), ...heard)).toEqual([true, true, false, false, true]);
    const confirmed = new EventTracker({ confirmations: 2 });
    expect(announced(confirmed, ...heard)).toEqual([false, false, true, true, false]);
    expect(confirmed.hear(at(55, undefined, b)).ended).toEqual([
      { label: 'bell', startTime: 50, endTime: 52, windows: 2, sourceId: 'b' },
    ]);
    expect(confirmed.end()).toMatchObject([{ label: 'bell', startTime: 0, windows: 2, sourceId: 'a' }]);
  });

  it('ends and forgets everything of a source whose time runs backwards', () => {
    const tracker = new EventTracker({ confirmations: 2, holdBackMs: 5000 });
    const before = [at(1000, 'bell', a), at(1001, 'bell', a), at(1002, 'dog', a), at(1002, 'bell', b)];
    expect(announced(tracker, ...before)).toEqual([false, true, false, false]);
    const restarted = tracker.hear(at(0, 'dog', a));
    expect(restarted).toMatchObject({ announce: false, ended: [{ label: 'bell', startTime: 1000 }] });
    expect(announced(tracker, at(1, 'dog', a), at(1003, 'bell', b))).toEqual([true, true]);
  });

  it('announces the only sound of a file again when the file is played again', () => {
    const tracker = new EventTracker({ holdBackMs: 5000 });
    expect(announced(tracker, at(0.4, 'bell', a), at(0.4, 'bell', a))).toEqual([true, true]);
    expect(tracker.end()).toMatchObject([{ windows: 1 }]);
  });

  it('ends the source that was heard least recently when there are too many', () => {
    const tracker = new EventTracker();
    const from = (number: number) => ({ sourceId: `source ${number}` });
    for (let i = 0; i < 256; i++) expect(tracker.hear(at(0, 'bell', from(i))).ended).toEqual([]);
    tracker.hear(at(1, 'bell', from(0)));
    // One in which nothing goes on takes no room.
    expect(tracker.hear(at(0, undefined, from(999))).ended).toEqual([]);
    expect(tracker.hear(at(0, 'bell', from(256))).ended).toMatchObject([from(1)]);
    expect(tracker.end()).toHaveLength(256);
  });

  it('takes options for one window', () => {
    const tracker = new EventTracker({ confirmations: 3, holdBackMs: 5000 });
    expect(tracker.hear(at(0, 'bell'), { confirmations: 1 }).announce).toBe(true);
    expect(tracker.hear(at(1, 'bell')).announce).toBe(false);
    const every = tracker.hear(at(2, 'bell'), { confirmations: 1, holdBackMs: 0 });
    expect(every).toMatchObject({ announce: true, ended: [{ windows: 2 }] });
    expect(() => tracker.hear(at(3, 'bell'), { confirmations: 0 })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('joins the windows of an event and gives it whole when it is over', () => {
    const tracker = new EventTracker({ holdBackMs: 1000, confirmations: 2 });
    const ended = [at(0, 'bell'), at(0.5, 'bell'), at(1), at(1.5, 'bell'), at(2), at(3), at(4)].map(
      (heard) => tracker.hear(heard).ended,
    );
    expect(ended.flat()).toEqual([{ label: 'bell', startTime: 0, endTime: 2.5, windows: 3 }]);
    expect(ended.findIndex(({ length }) => length > 0)).toBe(6);
    tracker.hear(at(5, 'phone'));
    expect(tracker.end()).toEqual([]);
    tracker.hear(at(6, 'phone'));
    tracker.hear(at(6.5, 'phone'));
    expect(tracker.end()).toEqual([{ label: 'phone', startTime: 6, endTime: 7.5, windows: 2 }]);
    expect(tracker.end()).toEqual([]);
  });

  it('ends what goes on in one source', () => {
    const tracker = new EventTracker();
    for (const source of [a, b]) tracker.hear(at(0, 'bell', source));
    expect(tracker.endSource('a')).toMatchObject([{ label: 'bell', sourceId: 'a' }]);
    expect(tracker.end()).toMatchObject([{ label: 'bell', sourceId: 'b' }]);
  });

  it.each([{ confirmations: 0 }, { confirmations: 1.5 }, { holdBackMs: -1 }, { holdBackMs: Number.NaN }])(
    'refuses %o',
    (options) => {
      expect(() => new EventTracker(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );
});
