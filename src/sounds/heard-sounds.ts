import { randomUUID } from 'node:crypto';
import { Subject, type Subscription } from 'rxjs';
import type { Pattern, StoredPattern } from '../pattern.ts';
import type { FeatureStorage, NewPatternMetadata } from '../storage/index.ts';
import { type SoundSummary, summarise } from './sound-summary.ts';

/** What recognition took a sound for. */
export interface HeardAnswer {
  /** Absent when it is none of the known ones. */
  label?: string;
  /** 0 to 1: of the label; without one, that it is none of them. */
  confidence: number;
  /** The labelled sound that came nearest. */
  match?: { id: string; label: string; similarity: number };
}

/** A sound that recognition heard, in the form in which it would be stored. */
export interface HeardSound extends StoredPattern {
  clip?: Uint8Array;
  answer: HeardAnswer;
}

/** The same before it has an id and a time. */
export interface NewHeardSound {
  pattern: Omit<Pattern, 'id'>;
  metadata: NewPatternMetadata;
  clip?: Uint8Array;
  answer: HeardAnswer;
}

const mostSounds = 50;
/** Vectors and clips together. */
const mostBytes = 8 * 2 ** 20;
/** A flow that stores a sound and recognises it side by side does both within this time. */
const sideBySide = 10_000;
/** Two nodes that ask about one message do so within this time; a file that is played again takes longer. */
const sameMoment = 1000;

/**
 * The last sounds that recognition heard and nobody stored: 50 at most, 8 MiB at most, nothing of it on disk. One that
 * is stored leaves the list, and one that was stored a moment before never comes into it. The two know each other by
 * their place in the source and their vector, since an id comes only with the storing.
 */
export class HeardSounds {
  /** Tells that the list changed, but for what leaves it by being stored. */
  readonly changes$ = new Subject<void>();
  /** The one to go first in front. */
  readonly #sounds = new Map<string, HeardSound>();
  #bytes = 0;
  /** What was stored and not heard yet. */
  #stored: { pattern: Pattern; at: number }[] = [];
  readonly #watching: Subscription;

  constructor(memory: Pick<FeatureStorage, 'watch'>) {
    this.#watching = memory.watch().subscribe({
      next: (change) => {
        if (change.kind === 'stored') this.#noteStored(change.stored.pattern);
      },
      error: () => undefined,
    });
  }

  /** Copies vector and clip: whoever sent them may write into them. */
  hear({ pattern, metadata, clip, answer }: NewHeardSound): void {
    const now = Date.now();
    this.#stored = this.#stored.filter(({ at }) => now - at < sideBySide);
    const known = this.#stored.findIndex((stored) => isSameSound(stored.pattern, pattern));
    if (known >= 0) {
      this.#stored.splice(known, 1);
      return;
    }
    // Two nodes may ask the same memory about one sound; a name says more than none.
    const again = this.#find(pattern);
    if (again && now - again.metadata.createdAt < sameMoment) {
      if (answer.label !== undefined) this.putBack({ ...again, answer });
      return;
    }
    const features = pattern.features.slice();
    const kept = clip !== undefined && clip.byteLength + features.byteLength <= mostBytes;
    this.putBack({
      pattern: { ...pattern, id: randomUUID(), features },
      metadata: { ...metadata, createdAt: now, lastModified: now },
      ...(kept && { clip: new Uint8Array(clip) }),
      answer,
    });
  }

  get(id: string): HeardSound | undefined {
    return this.#sounds.get(id);
  }

  /** Newest first. */
  summaries(): SoundSummary[] {
    const sounds = [...this.#sounds.values()].map(summariseHeard);
    return sounds.reverse().sort((one, other) => other.createdAt - one.createdAt);
  }

  /** Returns what was removed; undefined when it is not in the list. */
  remove(id: string): HeardSound | undefined {
    const sound = this.#drop(id);
    if (sound) this.changes$.next();
    return sound;
  }

  /** Also for a sound that had left the list. The oldest go where there is no more room. */
  putBack(sound: HeardSound): void {
    this.#drop(sound.pattern.id);
    this.#sounds.set(sound.pattern.id, sound);
    this.#bytes += heardBytes(sound);
    for (const id of this.#sounds.keys()) {
      if (this.#sounds.size <= mostSounds && this.#bytes <= mostBytes) break;
      this.#drop(id);
    }
    this.changes$.next();
  }

  close(): void {
    this.#watching.unsubscribe();
    this.#sounds.clear();
    this.changes$.complete();
  }

  #noteStored(pattern: Pattern): void {
    if (this.#drop(pattern.id)) return;
    const heard = this.#find(pattern);
    if (heard) this.#drop(heard.pattern.id);
    else if (this.#stored.push({ pattern, at: Date.now() }) > mostSounds) this.#stored.shift();
  }

  #find(pattern: Omit<Pattern, 'id'>): HeardSound | undefined {
    return [...this.#sounds.values()].findLast((sound) => isSameSound(sound.pattern, pattern));
  }

  #drop(id: string): HeardSound | undefined {
    const sound = this.#sounds.get(id);
    if (sound && this.#sounds.delete(id)) this.#bytes -= heardBytes(sound);
    return sound;
  }
}

export function summariseHeard(sound: HeardSound): SoundSummary {
  const { label, confidence } = sound.answer;
  return { ...summarise(sound), heardAs: { ...(label !== undefined && { label }), confidence } };
}

/** What a heard sound holds in memory. */
export function heardBytes({ pattern, clip }: HeardSound): number {
  return pattern.features.byteLength + (clip?.byteLength ?? 0);
}

function isSameSound(one: Omit<Pattern, 'id'>, other: Omit<Pattern, 'id'>): boolean {
  return (
    one.startTime === other.startTime &&
    one.endTime === other.endTime &&
    one.features.length === other.features.length &&
    one.features.every((value, i) => value === other.features[i])
  );
}
