import { AudioError } from '../audio/audio-error.ts';

export interface EventTrackerOptions {
  /** How many windows in a row must say the same before it is believed, 1 to 100. Default 1. */
  confirmations?: number;
  /**
   * Once announced, an event lasts until its label has not been heard for so many milliseconds of audio; it is
   * announced once. 0 to 3,600,000. Default 2,000; 0 announces every window.
   */
  holdBackMs?: number;
}

/** A sound's place in its source, and the label it got. */
export interface HeardLabel {
  label?: string;
  /** Seconds. */
  startTime: number;
  endTime: number;
  sourceId?: string;
  /** True when audio before it was lost. */
  gap: boolean;
}

/** One event: a label over as many windows as it lasted. */
export interface SoundEvent {
  label: string;
  /** Seconds, of the first and the latest window of it. */
  startTime: number;
  endTime: number;
  /** Windows that said so. */
  windows: number;
}

/** Makes events of windows: asks for confirmation, and announces each event once. */
export class EventTracker {
  readonly #confirmations: number;
  readonly #holdBack: number;
  #candidate: SoundEvent | undefined;
  readonly #going = new Map<string, SoundEvent>();
  #sourceId: string | undefined;

  constructor({ confirmations = 1, holdBackMs = 2000 }: EventTrackerOptions = {}) {
    if (!Number.isInteger(confirmations) || confirmations < 1 || confirmations > 100) {
      throw new AudioError(
        'INVALID_ARGUMENT',
        `confirmations is ${confirmations}; it must be a whole number of 1 to 100.`,
      );
    }
    if (!(holdBackMs >= 0 && holdBackMs <= 3_600_000)) {
      throw new AudioError(
        'INVALID_ARGUMENT',
        `holdBackMs is ${holdBackMs}; it must be 0 to 3,600,000 milliseconds.`,
      );
    }
    this.#confirmations = confirmations;
    this.#holdBack = holdBackMs / 1000;
  }

  /** The event that this window belongs to, and whether it is to be announced now. */
  hear(heard: HeardLabel): { event?: SoundEvent; announce: boolean } {
    if (heard.sourceId !== this.#sourceId) this.#forget();
    else if (heard.gap) this.#candidate = undefined;
    this.#sourceId = heard.sourceId;
    this.#endOld(heard.startTime);
    const { label } = heard;
    if (label === undefined) {
      this.#candidate = undefined;
      return { announce: false };
    }
    const going = this.#going.get(label);
    if (going !== undefined) {
      extend(going, heard);
      return { event: { ...going }, announce: false };
    }
    if (this.#candidate?.label !== label) {
      this.#candidate = { label, startTime: heard.startTime, endTime: heard.endTime, windows: 0 };
    }
    const candidate = this.#candidate;
    extend(candidate, heard);
    if (candidate.windows < this.#confirmations) return { announce: false };
    this.#candidate = undefined;
    if (this.#holdBack > 0) this.#going.set(label, candidate);
    return { event: { ...candidate }, announce: true };
  }

  #forget(): void {
    this.#going.clear();
    this.#candidate = undefined;
  }

  #endOld(now: number): void {
    for (const [label, event] of this.#going) {
      if (now - event.endTime > this.#holdBack) this.#going.delete(label);
    }
  }
}

function extend(event: SoundEvent, heard: HeardLabel): void {
  event.endTime = Math.max(event.endTime, heard.endTime);
  event.windows++;
}
