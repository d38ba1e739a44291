import { AudioError } from '../audio/audio-error.ts';

export interface EventTrackerOptions {
  /** How many windows in a row must say the same before it is believed, 1 to 100. Default 1. */
  confirmations?: number;
  /**
   * Once announced, an event lasts until its label has not been heard for so many milliseconds of audio; it is
   * announced once. 0 to 3,600,000. Default 2,000; 0 announces every window, from the one on that is believed until
   * another label or none is heard, each as an event of its own.
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
  /** Where it was heard, if that is known. */
  sourceId?: string;
}

/** What a window means for the events. */
export interface TrackedWindow {
  /** The event that it belongs to, once that is confirmed. */
  event?: SoundEvent;
  /** Whether the event is to be announced now. */
  announce: boolean;
  /**
   * Events that are over, now that this window is known; whole, from their first to their last window. Those of a
   * source that is heard no more are still going on.
   */
  ended: SoundEvent[];
}

/** What goes on in one source. */
interface Hearing {
  candidate?: SoundEvent;
  /** Without a hold-back: the label that was confirmed, as long as each window says it. */
  sure?: string;
  /** Announced and not over yet, by label. */
  readonly going: Map<string, SoundEvent>;
  /** Seconds. */
  lastStart: number;
}

/**
 * More sources than a flow has microphones. One that names each sound's source anew must not fill the memory: what
 * goes on in the source that was heard least recently ends first.
 */
const mostSources = 256;

/**
 * Makes events of windows: asks for confirmation, announces each event once, and joins its windows. Each source is
 * followed by itself, by its own time: what goes on in it ends when its time does not go on but starts anew.
 */
export class EventTracker {
  readonly #options: Required<EventTrackerOptions>;
  /** Sources in which something goes on, the one heard last at the end. */
  readonly #sources = new Map<string | undefined, Hearing>();

  constructor(options: EventTrackerOptions = {}) {
    this.#options = checked({ confirmations: 1, holdBackMs: 2000, ...options });
  }

  /** `options` are for this window, in front of those of the tracker. */
  hear(heard: HeardLabel, options: EventTrackerOptions = {}): TrackedWindow {
    const { confirmations, holdBackMs } = checked({ ...this.#options, ...options });
    const { label, sourceId, startTime, endTime, gap } = heard;
    const source: Hearing = this.#sources.get(sourceId) ?? { going: new Map(), lastStart: -Infinity };
    // Also at the same time once more: a file with one sound is played again.
    const anew = startTime <= source.lastStart;
    source.lastStart = startTime;
    if (gap || anew || label === undefined) delete source.candidate;
    if (gap || anew || label !== source.sure || holdBackMs > 0) delete source.sure;
    const over = (event: SoundEvent) =>
      anew || holdBackMs === 0 || startTime - event.endTime > holdBackMs / 1000;
    const ended = [...source.going.values()].filter(over);
    for (const event of ended) source.going.delete(event.label);

    let event = label === undefined ? undefined : source.going.get(label);
    let announce = false;
    if (event !== undefined) extend(event, heard);
    else if (label !== undefined) {
      if (source.candidate?.label !== label) {
        const origin = sourceId === undefined ? {} : { sourceId };
        source.candidate = { label, startTime, endTime, windows: 0, ...origin };
      }
      extend(source.candidate, heard);
      announce = source.candidate.windows >= confirmations || source.sure === label;
      if (announce) {
        event = source.candidate;
        delete source.candidate;
        if (holdBackMs > 0) source.going.set(label, event);
        else if (confirmations > 1) source.sure = label;
      }
    }
    ended.push(...this.#keep(sourceId, source));
    return event === undefined ? { announce, ended } : { event: { ...event }, announce, ended };
  }

  /** Ends all that goes on: nothing more is to come. */
  end(): SoundEvent[] {
    return [...this.#sources.keys()].flatMap((sourceId) => this.endSource(sourceId));
  }

  /** Ends what goes on in one source: from it nothing more is to come. */
  endSource(sourceId: string | undefined): SoundEvent[] {
    const source = this.#sources.get(sourceId);
    this.#sources.delete(sourceId);
    return source === undefined ? [] : [...source.going.values()];
  }

  /** Returns what had to end for it. */
  #keep(sourceId: string | undefined, source: Hearing): SoundEvent[] {
    // Taken out and put back: the Map's order is then that of hearing.
    this.#sources.delete(sourceId);
    if (source.candidate === undefined && source.sure === undefined && source.going.size === 0) return [];
    this.#sources.set(sourceId, source);
    return this.#sources.size > mostSources ? this.endSource(this.#sources.keys().next().value) : [];
  }
}

function checked(options: Required<EventTrackerOptions>): Required<EventTrackerOptions> {
  const { confirmations, holdBackMs } = options;
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
  return options;
}

function extend(event: SoundEvent, heard: HeardLabel): void {
  event.endTime = Math.max(event.endTime, heard.endTime);
  event.windows++;
}
