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

/** Joins the pieces of each event, and sends the surest answer once the event is over. */
export class JoinedEvents {
  readonly #tracker: EventTracker;
  readonly #quietMs: number;
  readonly #send: (message: Message & { event: SoundEvent }) => void;
  readonly #surest = new Map<string, Answer>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    { confirmations, holdBackMs }: Required<EventTrackerOptions>,
    send: (message: Message & { event: SoundEvent }) => void,
  ) {
    const pauseMs = Math.max(leastPauseMs, holdBackMs);
    this.#tracker = new EventTracker({ confirmations, holdBackMs: pauseMs });
    this.#quietMs = Math.max(leastQuietMs, pauseMs);
    this.#send = send;
  }

  /** `answer` goes with a piece that has a label. */
  hear(piece: HeardLabel, answer?: Answer): void {
    const { event, announce, ended } = this.#tracker.hear(piece);
    this.#tell(ended);
    if (event !== undefined && answer !== undefined) {
      const before = announce ? undefined : this.#surest.get(event.label);
      const surer = before === undefined || answer.payload.confidence > before.payload.confidence;
      if (surer) this.#surest.set(event.label, answer);
    }
    clearTimeout(this.#timer);
    if (this.#surest.size > 0) this.#timer = setTimeout(() => this.#tell(this.#tracker.end()), this.#quietMs);
  }

  /** Nothing that goes on is told. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#tracker.end();
    this.#surest.clear();
  }

  #tell(ended: SoundEvent[]): void {
    for (const event of ended) {
      const answer = this.#surest.get(event.label);
      this.#surest.delete(event.label);
      if (answer !== undefined) this.#send(Object.assign(answer, { event }));
    }
  }
}
