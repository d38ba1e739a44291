import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Node, NodeAPI, NodeDef, NodeStatus } from 'node-red';
import {
  type AudioSource,
  LevelMonitor,
  listAudioDevices,
  type PcmChunk,
  type SourceEvent,
} from '../../src/audio/index.ts';
import type { EarmarkError } from '../../src/errors.ts';
import { MessageOptions } from '../message-options.ts';
import { type Message, type QueuePolicy, type Work, workOnMessages } from '../message-worker.ts';
import { codedError } from '../node-error.ts';
import { migrate } from '../saved-configuration.ts';
import { type SoundFormat, soundProperties } from '../sound-message.ts';
import { StatusLight } from '../status-light.ts';
import { type CaptureFields, captureOptions, optionsBehind } from './capture-options.ts';
import {
  chosenKind,
  chosenSource,
  type SourceFields,
  type SourceKind,
  shippedFolder,
} from './chosen-source.ts';
import { registerMicrophonePage } from './microphone-page.ts';
import { registerMicrophoneTest } from './microphone-test.ts';
import { migrations } from './migrations.ts';
import { inSequences, type Parts, type Piece, pacedSource, readPieces, roomBehind } from './sound-reader.ts';
import { registerSourceTest } from './source-test.ts';

interface CaptureDef extends NodeDef, CaptureFields, SourceFields {
  autoStart: boolean;
}

/** Sources without an end. */
const liveSources: ReadonlySet<string> = new Set(['microphone', 'browser', 'url', 'network']);
/** Files and sounds that wait to be read. */
const queueLimit = 100;
/** A live source that cannot be opened is tried again after this. */
const retryMs = 5000;
/** The meter's time between two values. */
const meterMs = 200;
/** No room is as quiet as digital silence for so long. */
const mutedSeconds = 3;
/** Long enough to be read under the node. */
const troubleShownMs = 3000;
/** As the inject node does it: the other nodes of the flow are there by then. */
const startDelayMs = 100;

const statuses = {
  clipped: { fill: 'yellow', shape: 'dot', text: 'status.clipped' },
  silent: { fill: 'yellow', shape: 'ring', text: 'status.silent' },
  listening: { fill: 'green', shape: 'dot', text: 'status.listening' },
  browser: { fill: 'yellow', shape: 'ring', text: 'status.browser' },
  playing: { fill: 'blue', shape: 'dot', text: 'status.playing' },
  waiting: { fill: 'grey', shape: 'ring', text: 'status.waiting' },
  stopped: { fill: 'grey', shape: 'ring', text: 'status.stopped' },
} satisfies Record<string, NodeStatus>;

export default function (RED: NodeAPI): void {
  RED.httpAdmin.get(
    '/earmark/capture/devices',
    RED.auth.needsPermission('earmark.read'),
    (_request, response) => {
      listAudioDevices().then(
        (devices) => response.json(devices.map(({ device, name }) => ({ value: device, label: name }))),
        () => response.json([]),
      );
    },
  );

  registerMicrophoneTest(RED);
  registerSourceTest(RED);
  const microphonePage = registerMicrophonePage(RED);

  function Capture(this: Node, saved: CaptureDef): void {
    RED.nodes.createNode(this, saved);
    const def = migrate(saved, migrations);
    const light = new StatusLight(this);
    /** What is read now, or was read last. */
    let kind: SourceKind = def.source;
    let warned = '';
    let troubleUntil = 0;
    const showTrouble = (status: NodeStatus) => {
      troubleUntil = performance.now() + troubleShownMs;
      light.say('work', status);
    };
    const onEvent = (event: SourceEvent) => {
      if (event.type === 'lost') tellLoss(event.error);
      if (event.type === 'dropped') {
        const n = `${(event.milliseconds / 1000).toFixed(1)} s`;
        showTrouble({ fill: 'yellow', shape: 'dot', text: RED._('status.dropped', { n }) });
      }
      // The other files of the folder follow, so the message that started it does not fail.
      if (event.type === 'skipped') this.error(event.error, { filename: event.sourceId });
      if (event.type === 'damaged') this.warn(`${event.sourceId}: ${event.message}`);
      if (!liveSources.has(kind) || (event.type !== 'started' && event.type !== 'recovered')) return;
      warned = '';
      light.say('condition');
      light.say('work', statuses.listening);
    };

    const tellLoss = ({ code, message }: EarmarkError) => {
      light.say(
        'condition',
        kind === 'browser'
          ? statuses.browser
          : { fill: 'yellow', shape: 'ring', text: RED._('status.retrying', { code }) },
      );
      // Once for the same reason, however often it is tried again.
      if (kind !== 'browser' && warned !== message) this.warn(message);
      warned = message;
    };

    const open = async (message: Message, options: MessageOptions): Promise<AudioSource> => {
      if (kind === 'browser') {
        light.say('work', statuses.browser);
        return microphonePage.source(this.id, onEvent);
      }
      if (kind === 'network') light.say('work', statuses.waiting);
      return chosenSource(RED, this, def, message, options, onEvent, () => light.say('condition'));
    };

    const monitor = new LevelMonitor(meterMs);
    /** Moves the dialog's meter, and says where sound that is cut off or a muted microphone would spoil everything. */
    const meter = (chunk: PcmChunk) => {
      const report = monitor.push(chunk);
      if (report === undefined) return;
      RED.comms.publish(`earmark/level/${this.id}`, { decibels: report.level }, false);
      const trouble =
        report.clipped > 0 ? 'clipped' : report.silentSeconds >= mutedSeconds ? 'silent' : undefined;
      if (trouble !== undefined) {
        showTrouble(statuses[trouble]);
      } else if (troubleUntil > 0 && performance.now() > troubleUntil) {
        troubleUntil = 0;
        light.say('work', statuses.listening);
      }
    };

    const copy = (message: object) => RED.util.cloneMessage(message as never) as object;
    const compose = (message: Message, piece: Piece, source: AudioSource, format: SoundFormat) => {
      const name = piece.sourceId ?? source.info.sourceId;
      // Where the package lies on this machine says nothing about a sample sound.
      const sourceId = name.startsWith(shippedFolder) ? `samples/${path.basename(name)}` : name;
      // The sound that came in is not copied for each of its pieces.
      const { payload: _payload, parts: _parts, options, ...rest } = message;
      const filename = kind === 'file' || kind === 'samples' ? { filename: name } : {};
      const sound = soundProperties(piece, sourceId, format);
      return { ...copy({ ...rest, ...optionsBehind(options) }), ...filename, topic: sourceId, ...sound };
    };

    /** A source with an end is read no faster than the nodes behind can work. */
    const readToEnd = async ({ message, send, signal }: Work, given: MessageOptions) => {
      const options = captureOptions(def, given);
      const source = await open(message, given);
      const session = RED.util.generateId();
      let count = 0;
      light.say('work', statuses.playing);
      const pass = async (piece: Piece, parts?: Parts) => {
        const composed = compose(message, piece, source, options.format);
        send({ ...composed, audio: { ...composed.audio, session }, ...(parts && { parts }) });
        count++;
        await roomBehind(session, options.pace, signal);
      };
      if (options.pace === 'live' && kind !== 'message') {
        // Heard as from a microphone: each piece leaves at once, so none can say that it is the last.
        for await (const piece of readPieces(pacedSource(source), options, signal)) await pass(piece);
      } else {
        const pieces = readPieces(source, options, signal);
        for await (const { piece, parts } of inSequences(pieces, options.format, RED.util.generateId))
          await pass(piece, parts);
      }
      light.say('work', { fill: 'grey', shape: 'dot', text: RED._('status.finished', { n: count }) });
    };

    /** A source without an end goes on until it is stopped. */
    const listen = async ({ message, send, signal }: Work, given: MessageOptions) => {
      const options = captureOptions(def, given);
      warned = '';
      while (!signal.aborted) {
        try {
          const source = await open(message, given);
          light.say('error');
          for await (const piece of readPieces(source, options, signal, meter)) {
            send(compose(message, piece, source, options.format));
          }
        } catch (thrown) {
          if (signal.aborted) break;
          const error = codedError(thrown);
          if (!error.retryable) throw error;
          tellLoss(error);
        }
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    };

    light.say('work', def.source === 'message' ? statuses.waiting : statuses.stopped);
    workOnMessages(RED, this, {
      // What listens already takes nothing but a stop.
      get limit(): number {
        return liveSources.has(kind) ? 0 : queueLimit;
      },
      get policy(): QueuePolicy {
        return liveSources.has(kind) ? 'dropNewest' : 'error';
      },
      light,
      stops: ({ payload }) =>
        (def.source !== 'message' || kind !== 'message') && (payload === 'stop' || payload === false),
      onStop: () => {
        light.say('condition');
        light.say('work', def.source === 'message' ? statuses.waiting : statuses.stopped);
      },
      work: async (work) => {
        const given = new MessageOptions(work.message);
        kind = chosenKind(def, given);
        await (liveSources.has(kind) ? listen : readToEnd)(work, given);
      },
    });
    if (def.autoStart && def.source !== 'message') {
      const timer = setTimeout(() => this.receive({ payload: 'start' }), startDelayMs);
      this.on('close', () => clearTimeout(timer));
    }
  }
  RED.nodes.registerType('earmark-capture', Capture);
}
