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

/** What a window means for the events. */
export interface TrackedWindow {
  /** The event that it belongs to, once that is confirmed. */
  event?: SoundEvent;
  /** Whether the event is to be announced now. */
  announce: boolean;
  /** Events that are over, now that this window is known; whole, from their first to their last window. */
  ended: SoundEvent[];
}

/** Makes events of windows: asks for confirmation, announces each event once, and joins its windows. */
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

  hear(heard: HeardLabel): TrackedWindow {
    const otherSource = heard.sourceId !== this.#sourceId;
    if (heard.gap) this.#candidate = undefined;
    this.#sourceId = heard.sourceId;
    const ended = otherSource ? this.end() : this.#endOld(heard.startTime);
    const { label } = heard;
    if (label === undefined) {
      this.#candidate = undefined;
      return { announce: false, ended };
    }
    const going = this.#going.get(label);
    if (going !== undefined) {
      extend(going, heard);
      return { event: { ...going }, announce: false, ended };
    }
    if (this.#candidate?.label !== label) {
      this.#candidate = { label, startTime: heard.startTime, endTime: heard.endTime, windows: 0 };
    }
    const candidate = this.#candidate;
    extend(candidate, heard);
    if (candidate.windows < this.#confirmations) return { announce: false, ended };
    this.#candidate = undefined;
    if (this.#holdBack > 0) this.#going.set(label, candidate);
    return { event: { ...candidate }, announce: true, ended };
  }

  /** Ends all that goes on: nothing more is to come. */
  end(): SoundEvent[] {
    this.#candidate = undefined;
    const ended = [...this.#going.values()];
    this.#going.clear();
    return ended;
  }

  #endOld(now: number): SoundEvent[] {
    const ended = [...this.#going.values()].filter((event) => now - event.endTime > this.#holdBack);
    for (const { label } of ended) this.#going.delete(label);
    return ended;
  }
}

function extend(event: SoundEvent, heard: HeardLabel): void {
  event.endTime = Math.max(event.endTime, heard.endTime);
  event.windows++;
}
