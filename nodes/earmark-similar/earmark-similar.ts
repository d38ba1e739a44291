import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { PatternQuery } from '../../src/pattern.ts';
import { EventTracker } from '../../src/recognition/event-tracker.ts';
import type { Recognition } from '../../src/recognition/recognition.ts';
import type { SimilarPattern } from '../../src/storage/index.ts';
import { missing, showMemory } from '../condition-status.ts';
import { messageFeatures, messageVector, plainObject } from '../feature-message.ts';
import { MessageOptions } from '../message-options.ts';
import { type Message, type Work, workOnMessages } from '../message-worker.ts';
import { optionalNumber } from '../number-field.ts';
import { patternSummary } from '../pattern-message.ts';
import { migrate } from '../saved-configuration.ts';
import { StatusLight } from '../status-light.ts';
import { typedNumber, typedText } from '../typed-value.ts';
import { heardSound, recognitionAnswer, similarAnswer } from './heard-sound.ts';
import { JoinedEvents } from './joined-events.ts';
import { migrations } from './migrations.ts';
import { ranges } from './ranges.ts';

const modes = ['label', 'events', 'neighbours'] as const;

interface SimilarDef extends NodeDef {
  memory: string;
  mode: (typeof modes)[number];
  threshold: string;
  thresholdType: string;
  limit: string;
  label: string;
  labelType: string;
  confirmations: string;
  holdBackSeconds: string;
}

const queueLimit = 256;
/** For a model that nobody has calibrated. */
const plainThreshold = 0.6;

export default function (RED: NodeAPI): void {
  function Similar(this: Node, saved: SimilarDef): void {
    RED.nodes.createNode(this, saved);
    const def = migrate(saved, migrations);
    const light = new StatusLight(this);
    const memory = showMemory(RED, this, def.memory, light);
    const within = ({ min, max }: { min: number; max: number }, field: string) =>
      Math.min(max, Math.max(min, optionalNumber(field) ?? min));
    const tracking = {
      confirmations: Math.round(within(ranges.confirmations, def.confirmations)),
      holdBackMs: within(ranges.holdBackSeconds, def.holdBackSeconds) * 1000,
    };
    const events = new EventTracker();
    const joined = new JoinedEvents((message) => this.send([message, null]));
    this.on('close', () => joined.forget());

    const trackingFor = (options: MessageOptions) => {
      const holdBackSeconds = options.number('holdBackSeconds', ranges.holdBackSeconds);
      return {
        confirmations: options.number('confirmations', ranges.confirmations) ?? tracking.confirmations,
        holdBackMs: holdBackSeconds === undefined ? tracking.holdBackMs : holdBackSeconds * 1000,
      };
    };
    const thresholdFor = async (message: Message, options: MessageOptions) =>
      options.number('threshold', ranges.threshold) ??
      (await typedNumber(
        'threshold',
        ranges.threshold,
        RED,
        this,
        def.threshold,
        def.thresholdType,
        message,
      )) ??
      memory?.threshold ??
      optionalNumber(plainObject(message.features).threshold) ??
      plainThreshold;

    const showMatch = (label: string | null, similarity: number) =>
      light.say('work', {
        fill: 'green',
        shape: 'dot',
        text: RED._('status.match', {
          label: label ?? RED._('status.unlabelled'),
          similarity: similarity.toFixed(2),
        }),
      });
    const showUnknown = () => light.say('work', { fill: 'grey', shape: 'dot', text: 'status.no-match' });

    /** Which of the taught sounds it is; a sound that goes on is told once, at its beginning or whole at its end. */
    const recognise = async (
      { message, send, signal }: Work,
      options: MessageOptions,
      whole: boolean,
      only?: string,
    ) => {
      const tracking = trackingFor(options);
      const vector = messageVector(message);
      const recogniser = await memory!.recogniser(await thresholdFor(message, options));
      const found = await recogniser.recognise(vector, messageFeatures(message).encoder);
      signal.throwIfAborted();
      memory!.hear(heardSound(message, vector, recognitionAnswer(found)));
      const { label, confidence, votes } = found;
      const wanted = label !== undefined && (only === undefined || only === label);
      const piece = heard(message, wanted ? label : undefined);
      if (!wanted) {
        if (whole) joined.hear(piece, tracking);
        else events.hear(piece, tracking);
        showUnknown();
        send([
          null,
          Object.assign(message, { closest: closest(found), reason: found.reason ?? 'other-label' }),
        ]);
        return;
      }
      const { similarity } = votes.find((vote) => vote.label === label)!;
      showMatch(label, similarity);
      const payload = { label, similarity, confidence, votes };
      const answer = Object.assign(message, { payload, features: withVector(message, vector) });
      if (whole) {
        joined.hear(piece, tracking, answer);
        return;
      }
      const { event, announce } = events.hear(piece, tracking);
      if (announce) send([Object.assign(answer, { event }), null]);
    };

    const listNeighbours = async ({ message, send }: Work, options: MessageOptions, only?: string) => {
      const vector = messageVector(message);
      const threshold = await thresholdFor(message, options);
      const limit = options.number('limit', ranges.limit);
      const { encoder } = messageFeatures(message);
      const where = (options.object('where') ?? {}) as PatternQuery;
      const storage = await memory!.storage();
      const found = await storage.findSimilarPatterns(vector, {
        // The closest one is told even when it is not close enough.
        similarityThreshold: Number.NEGATIVE_INFINITY,
        maxResults: limit ?? Math.max(1, optionalNumber(def.limit) ?? 5),
        where: only === undefined ? where : { ...where, label: only },
        ...(encoder !== undefined && { encoder }),
      });
      memory!.hear(heardSound(message, vector, similarAnswer(found, threshold)));
      const payload = found.filter(({ similarity }) => similarity >= threshold).map(neighbour);
      const [best] = payload;
      if (best === undefined) {
        showUnknown();
        send([null, Object.assign(message, { closest: found[0] ? neighbour(found[0]) : null })]);
        return;
      }
      showMatch(best.label, best.similarity);
      send([Object.assign(message, { payload, features: withVector(message, vector) }), null]);
    };

    workOnMessages(RED, this, {
      limit: queueLimit,
      policy: 'error',
      light,
      onReset: () => {
        events.end();
        joined.forget();
      },
      work: async (work) => {
        if (memory === undefined) throw missing('memory');
        const options = new MessageOptions(work.message);
        const mode = options.choice('mode', modes) ?? def.mode;
        const only =
          options.text('label') ?? (await typedText(RED, this, def.label, def.labelType, work.message));
        if (mode === 'neighbours') await listNeighbours(work, options, only);
        else await recognise(work, options, mode === 'events', only);
      },
    });
  }
  RED.nodes.registerType('earmark-similar', Similar);
}

function neighbour(similar: SimilarPattern) {
  return { ...patternSummary(similar), similarity: similar.similarity };
}

function closest({ votes: [best] }: Recognition) {
  return best === undefined ? null : { label: best.label, similarity: best.similarity, id: best.nearest };
}

/** The vector travels on, so that a recognised sound can be stored as one more example. */
function withVector(message: Message, vector: Float32Array) {
  return { ...plainObject(message.features), vector: Array.from(vector) };
}

function heard(message: Message, label: string | undefined) {
  const { sourceId, gap } = plainObject(message.audio);
  return {
    ...timeOf(message),
    gap: gap === true,
    ...(label !== undefined && { label }),
    ...(typeof sourceId === 'string' && { sourceId }),
  };
}

/** A vector that says nothing of its time, as one of the user's own model may, is heard when it comes. */
function timeOf(message: Message): { startTime: number; endTime: number } {
  const now = performance.now() / 1000;
  if (typeof plainObject(message.features).startTime !== 'number') return { startTime: now, endTime: now };
  const { startTime, endTime } = messageFeatures(message);
  return { startTime, endTime };
}
