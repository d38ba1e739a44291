/** What the last answered ping told. */
export interface HeartbeatReading {
  /** Round trip. */
  milliseconds: number;
  /** Windows that wait in the server. */
  queued: number;
  /** Seconds of inference during the last second, per worker, 0 to 1. */
  busy: number;
}

/** Heartbeats without a sign of life after which the server counts as dead. */
export const missedHeartbeats = 3;

/** Finds a server that has frozen: its connection stands and it never says so. */
export class Heartbeat {
  #silent = 0;
  #nextId = 0;
  /** When each unanswered ping went out; at most `missedHeartbeats` of them. */
  readonly #sentAt = new Map<number, number>();

  /** The server gave a sign of life. */
  heard(): void {
    this.#silent = 0;
  }

  /**
   * One more heartbeat begins; false when the server counts as dead. Heartbeats are counted, not milliseconds: after this
   * process itself was asleep there is one of them, not a verdict.
   */
  begin(): boolean {
    return ++this.#silent <= missedHeartbeats;
  }

  /** The id of a ping that goes out now. */
  ping(now: number): number {
    const id = this.#nextId++;
    this.#sentAt.set(id, now);
    if (this.#sentAt.size > missedHeartbeats) this.#sentAt.delete(this.#sentAt.keys().next().value!);
    return id;
  }

  /** The round trip of a ping; undefined for one that nobody awaits. */
  pong(id: number, now: number): number | undefined {
    const sentAt = this.#sentAt.get(id);
    if (sentAt === undefined) return undefined;
    this.#sentAt.delete(id);
    return now - sentAt;
  }
}
