import {
  EventTracker,
  type EventTrackerOptions,
  type HeardLabel,
  type SoundEvent,
} from '../../src/recognition/event-tracker.ts';
import type { Message } from '../message-worker.ts';

/** Joins what touches, where the dialog asks for no longer pause. */
const leastPauseMs = 100;
/** By the clock, so long after the last piece everything is over: a microphone sends nothing while it is quiet. */
const leastQuietMs = 2000;

/** The answer to one piece of sound, ready to be sent. */
export type Answer = Message & { payload: { confidence: number } };

/** What goes on in one source. */
interface Going {
  /** By label. */
  readonly surest: Map<string, Answer>;
  timer?: NodeJS.Timeout;
}

/** Joins the pieces of each event, and sends the surest answer once the event is over. */
export class JoinedEvents {
  readonly #tracker = new EventTracker();
  readonly #send: (message: Message & { event: SoundEvent }) => void;
  readonly #sources = new Map<string | undefined, Going>();

  constructor(send: (message: Message & { event: SoundEvent }) => void) {
    this.#send = send;
  }

  /** `answer` goes with a piece that has a label. */
  hear(
    piece: HeardLabel,
    { confirmations, holdBackMs }: Required<EventTrackerOptions>,
    answer?: Answer,
  ): void {
    const { sourceId } = piece;
    const pauseMs = Math.max(leastPauseMs, holdBackMs);
    const { event, announce, ended } = this.#tracker.hear(piece, { confirmations, holdBackMs: pauseMs });
    this.#tell(ended);
    const source: Going = this.#sources.get(sourceId) ?? { surest: new Map() };
    if (event !== undefined && answer !== undefined) {
      const before = announce ? undefined : source.surest.get(event.label);
      const surer = before === undefined || answer.payload.confidence > before.payload.confidence;
      if (surer) source.surest.set(event.label, answer);
    }
    clearTimeout(source.timer);
    if (source.surest.size === 0) return;
    this.#sources.set(sourceId, source);
    const end = () => this.#tell(this.#tracker.endSource(sourceId));
    source.timer = setTimeout(end, Math.max(leastQuietMs, pauseMs));
  }

  /** Nothing that goes on is told. */
  forget(): void {
    for (const { timer } of this.#sources.values()) clearTimeout(timer);
    this.#sources.clear();
    this.#tracker.end();
  }

  #tell(ended: SoundEvent[]): void {
    for (const event of ended) {
      const source = this.#sources.get(event.sourceId);
      const answer = source?.surest.get(event.label);
      if (source === undefined || answer === undefined) continue;
      source.surest.delete(event.label);
      if (source.surest.size === 0) {
        clearTimeout(source.timer);
        this.#sources.delete(event.sourceId);
      }
      this.#send(Object.assign(answer, { event }));
    }
  }
}
