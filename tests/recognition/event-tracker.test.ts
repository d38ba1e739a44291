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

  it('forgets everything with another source', () => {
    const tracker = new EventTracker();
    expect(announced(tracker, at(0, 'bell', { sourceId: 'a' }), at(0, 'bell', { sourceId: 'b' }))).toEqual([
      true,
      true,
    ]);
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

  it('ends what goes on when another source is heard', () => {
    const tracker = new EventTracker();
    tracker.hear(at(0, 'bell', { sourceId: 'a' }));
    expect(tracker.hear(at(0, undefined, { sourceId: 'b' })).ended).toMatchObject([{ label: 'bell' }]);
  });

  it.each([{ confirmations: 0 }, { confirmations: 1.5 }, { holdBackMs: -1 }, { holdBackMs: Number.NaN }])(
    'refuses %o',
    (options) => {
      expect(() => new EventTracker(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );
});
