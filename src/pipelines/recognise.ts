import type { OperatorFunction } from 'rxjs';
import { EventTracker, type EventTrackerOptions, type TrackedWindow } from '../recognition/event-tracker.ts';
import { type RecognisedMemory, Recogniser, type RecogniserOptions } from '../recognition/recogniser.ts';
import type { Recognition } from '../recognition/recognition.ts';
import type { EmbeddedSound } from './embedded-sound.ts';
import { type PushOptions, pullOperator } from './pull-operator.ts';

export interface RecogniseOptions extends RecogniserOptions, EventTrackerOptions, PushOptions {}

/** A sound with what it was recognised as. */
export interface RecognisedSound extends Recognition, TrackedWindow {
  sound: EmbeddedSound;
}

/**
 * Tells which of the memory's labels each sound is, or that it is none of them. Several windows of one event
 * are joined: filter by `announce` to be told once. A failing memory ends the stream, and so does one that another
 * encoder filled.
 *
 * @example
 * ```ts
 * import { filter, lastValueFrom, toArray } from 'rxjs';
 * import {
 *   extractFeatures, framePcm, fromFile, recognise, successes,
 * } from '@earmark/node-red-sound-memory/pipelines';
 *
 * const events = await lastValueFrom(
 *   fromFile(path).pipe(
 *     framePcm({ windowMs: 1000, hopMs: 500 }),
 *     extractFeatures(bridge),
 *     successes(),
 *     recognise(memory, { confirmations: 2 }),
 *     filter((recognised) => recognised.announce),
 *     toArray(),
 *   ),
 * );
 * console.log(events.map(({ label, confidence }) => [label, confidence]));
 * ```
 */
export function recognise(
  memory: RecognisedMemory,
  options: RecogniseOptions = {},
): OperatorFunction<EmbeddedSound, RecognisedSound> {
  // A wrong option is the caller's mistake and is said here.
  new EventTracker(options);
  new Recogniser(memory, options);
  async function* ask(
    sounds: AsyncIterable<EmbeddedSound>,
  ): AsyncGenerator<RecognisedSound, void, undefined> {
    const recogniser = new Recogniser(memory, options);
    const tracker = new EventTracker(options);
    try {
      for await (const sound of sounds) {
        const recognition = await recogniser.recognise(sound.features, sound.model);
        const { label } = recognition;
        yield {
          ...recognition,
          sound,
          ...tracker.hear(label === undefined ? heard(sound) : { ...heard(sound), label }),
        };
      }
    } finally {
      recogniser.close();
    }
  }
  return pullOperator(ask, options, (sound) => ({ ...sound, gap: true }));
}

function heard({ startTime, endTime, sourceId, gap }: EmbeddedSound) {
  return sourceId === undefined ? { startTime, endTime, gap } : { startTime, endTime, gap, sourceId };
}
