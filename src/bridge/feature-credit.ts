/** Bytes of vectors that the server may send before the consumer has taken the earlier ones. */
const mostBytes = 256 * 1024;

/** How many bytes of vectors the server may send: what the consumer has not taken holds it back. */
export class FeatureCredit {
  #most = 0;
  #granted = 0;
  #toGrant = 0;

  /** A new connection, while `heldBytes` wait for the consumer. Returns what to grant with `open`. */
  begin(maxCreditBytes: number, heldBytes: number): number {
    this.#most = Math.min(maxCreditBytes, mostBytes);
    this.#granted = Math.max(0, this.#most - heldBytes);
    this.#toGrant = 0;
    return this.#granted;
  }

  /** Whether the server's limits let an answer of `bytes` through at all. */
  canEverHold(bytes: number): boolean {
    return bytes <= this.#most;
  }

  /** Whether the server may answer with `bytes` now. */
  covers(bytes: number): boolean {
    return bytes <= this.#granted;
  }

  /** The server has used it. */
  spend(bytes: number): void {
    this.#granted -= bytes;
  }

  /** The consumer has taken it. */
  free(bytes: number): void {
    this.#toGrant += bytes;
  }

  /**
   * What to grant anew, 0 for nothing yet: it is done in large steps, because a message for each vector would cost as much as
   * the vector.
   */
  renew(): number {
    if (this.#toGrant < this.#most / 4) return 0;
    const bytes = this.#toGrant;
    this.#granted += bytes;
    this.#toGrant = 0;
    return bytes;
  }
}
