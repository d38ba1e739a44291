import { describe, expect, test } from 'vitest';
import { UndoLog } from '../../src/sounds/undo-log.ts';
import { MadeSounds } from './made-sounds.ts';

function deletion(bytes: number) {
  const { pattern, metadata } = new MadeSounds().pattern('a', 0);
  const stored = {
    pattern: { ...pattern, id: 'a' },
    metadata: { ...metadata, createdAt: 1, lastModified: 1 },
  };
  return { kind: 'delete' as const, sounds: [{ stored, clip: new Uint8Array(bytes) }], heard: [] };
}

const named = [
  { id: 'a', before: {}, after: { label: 'bell' } },
  { id: 'b', before: { label: 'door' }, after: { label: 'bell' } },
];

describe('UndoLog', () => {
  test('gives actions back, the last one first', () => {
    const log = new UndoLog();
    log.push({ kind: 'label', label: 'bell', changes: named });
    log.push({ kind: 'label', changes: [{ id: 'c', before: { label: 'x' }, after: {} }] });
    log.push({ kind: 'refuse', label: 'bell', changes: [{ ...named[0]!, after: { notLabel: 'bell' } }] });
    expect(log.last).toEqual({ kind: 'refuse', label: 'bell', sounds: 1 });
    log.pop();
    expect(log.last).toEqual({ kind: 'label', sounds: 1 });
    log.pop();
    expect(log.last).toEqual({ kind: 'label', label: 'bell', sounds: 2 });
    expect(log.pop()).toMatchObject({ changes: named });
    expect(log.last).toBeUndefined();
    expect(log.pop()).toBeUndefined();
  });

  test('forgets the oldest when the clips grow beyond 64 MB', () => {
    const log = new UndoLog();
    for (let i = 0; i < 5; i++) expect(log.push({ ...deletion(20 * 2 ** 20) })).toBe(true);
    let kept = 0;
    while (log.pop()) kept++;
    expect(kept).toBe(3);
  });

  test('says so when an action is too big to be kept', () => {
    const log = new UndoLog();
    expect(log.push({ ...deletion(65 * 2 ** 20) })).toBe(false);
    expect(log.last).toBeUndefined();
  });

  test('keeps fifty actions', () => {
    const log = new UndoLog();
    for (let i = 0; i < 80; i++) log.push({ kind: 'label', changes: [{ ...named[0]!, id: String(i) }] });
    let kept = 0;
    while (log.pop()) kept++;
    expect(kept).toBe(50);
  });
});
