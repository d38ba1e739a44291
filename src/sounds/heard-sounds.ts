import { randomUUID } from 'node:crypto';
import { Subject, type Subscription } from 'rxjs';
import type { Pattern, StoredPattern } from '../pattern.ts';
import type { FeatureStorage, NewPatternMetadata } from '../storage/index.ts';
import { cosine } from './cosine.ts';
import { type HeardAnswer, type SoundSummary, summarise } from './sound-summary.ts';

/** A sound that recognition heard: the surest of its pieces, in the form in which it would be stored. */
export interface HeardSound extends StoredPattern {
  clip?: Uint8Array;
  answer: HeardAnswer;
  first: HeardTime;
  /** The same as the first where it came in one piece. */
  latest: HeardTime;
}

/** When a piece of a sound was heard. */
interface HeardTime {
  /** Milliseconds since 1970. */
  heardAt: number;
  /** Seconds since the source's start. */
  startTime: number;
  endTime: number;
}

/** A piece of a sound, before it has an id and a time. */
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
/** Seconds between pieces of one sound; what is cut out of silence begins and ends by such steps. */
const longestPause = 0.1;
/** By the clock, so late may a piece come that goes on with a sound. A source that starts anew counts from 0 again. */
const longestDelay = 10_000;
/** From this cosine on, an unknown piece goes on with the one before it: 99 of 100 other sounds are less like it. */
const likenessOfPieces = 0.6;

/**
 * The last sounds that recognition heard and nobody stored: 50 at most, 8 MiB at most, nothing of it on disk. Pieces that
 * follow each other in a source and were taken for the same are one sound; of an unknown one, those that are alike. One
 * that is stored leaves the list, and one that was stored a moment before never comes into it. The two know each other by
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
  /** What was heard within the same moment, and in which sound. */
  #pieces: { pattern: NewHeardSound['pattern']; at: number; id: string }[] = [];
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
    this.#pieces = this.#pieces.filter(({ at }) => now - at < sameMoment);
    const again = this.#heardAs(pattern);
    // Two nodes may ask the same memory about one sound; a name says more than none.
    if (again && (answer.label === undefined || answer.label === again.answer.label)) return;
    if (again && again.first.startTime === again.latest.startTime) this.#drop(again.pattern.id);
    const features = pattern.features.slice();
    const kept = clip !== undefined && clip.byteLength + features.byteLength <= mostBytes;
    const { startTime, endTime } = pattern;
    const time = { heardAt: now, startTime, endTime };
    const piece: HeardSound = {
      pattern: { ...pattern, id: randomUUID(), features },
      metadata: { ...metadata, createdAt: now, lastModified: now },
      ...(kept && { clip: new Uint8Array(clip) }),
      answer,
      first: time,
      latest: time,
    };
    const sound = [...this.#sounds.values()].findLast((before) => goesOn(before, piece));
    const joined = sound ? joinedBy(sound, piece) : piece;
    if (this.#pieces.push({ pattern: piece.pattern, at: now, id: joined.pattern.id }) > mostSounds) {
      this.#pieces.shift();
    }
    this.putBack(joined);
  }

  get(id: string): HeardSound | undefined {
    return this.#sounds.get(id);
  }

  /** By when they began. */
  newestFirst(): HeardSound[] {
    const sounds = [...this.#sounds.values()].reverse();
    return sounds.sort((one, other) => other.first.heardAt - one.first.heardAt);
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
    this.#pieces = [];
    this.changes$.complete();
  }

  #noteStored(pattern: Pattern): void {
    if (this.#drop(pattern.id)) return;
    const heard = [...this.#sounds.values()].findLast((sound) => isSameSound(sound.pattern, pattern));
    if (heard) this.#drop(heard.pattern.id);
    else if (this.#stored.push({ pattern, at: Date.now() }) > mostSounds) this.#stored.shift();
  }

  /** The sound that this piece was heard in a moment ago. */
  #heardAs(pattern: Omit<Pattern, 'id'>): HeardSound | undefined {
    const piece = this.#pieces.findLast((piece) => isSameSound(piece.pattern, pattern));
    return piece && this.#sounds.get(piece.id);
  }

  #drop(id: string): HeardSound | undefined {
    const sound = this.#sounds.get(id);
    if (sound && this.#sounds.delete(id)) this.#bytes -= heardBytes(sound);
    return sound;
  }
}

/** With the time of all its pieces. */
export function summariseHeard(sound: HeardSound): SoundSummary {
  const { first, latest, answer } = sound;
  const { startTime, heardAt: createdAt } = first;
  return { ...summarise(sound), createdAt, startTime, endTime: latest.endTime, heardAs: answer };
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

/** Whether the piece is the next one of the sound: it follows it in its source, and was taken for the same. */
function goesOn({ latest, pattern, metadata, answer }: HeardSound, piece: HeardSound): boolean {
  const { heardAt, startTime, endTime } = piece.latest;
  return (
    metadata.sourceId === piece.metadata.sourceId &&
    answer.label === piece.answer.label &&
    startTime > latest.startTime &&
    startTime - latest.endTime <= longestPause &&
    heardAt - latest.heardAt <= 1000 * (endTime - latest.endTime) + longestDelay &&
    (answer.label !== undefined || cosine(pattern.features, piece.pattern.features) >= likenessOfPieces)
  );
}

/** The surer of the two stands for the sound. */
function joinedBy(sound: HeardSound, piece: HeardSound): HeardSound {
  const { id } = sound.pattern;
  const latest = { ...piece.latest, endTime: Math.max(sound.latest.endTime, piece.latest.endTime) };
  if (piece.answer.confidence <= sound.answer.confidence) return { ...sound, latest };
  return { ...piece, pattern: { ...piece.pattern, id }, first: sound.first, latest };
}
