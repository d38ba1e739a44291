import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { PatternQuery } from '../../src/pattern.ts';
import type { SimilarPattern } from '../../src/storage/index.ts';
import { missing, showMemory } from '../condition-status.ts';
import { messageFeatures, messageVector, plainObject } from '../feature-message.ts';
import { type Message, type Work, workOnMessages } from '../message-worker.ts';
import { optionalNumber } from '../number-field.ts';
import { patternSummary } from '../pattern-message.ts';
import { StatusLight } from '../status-light.ts';
import { typedText } from '../typed-value.ts';

interface SimilarDef extends NodeDef {
  memory: string;
  mode: 'label' | 'neighbours';
  threshold: string;
  limit: string;
  label: string;
  labelType: string;
}

const queueLimit = 256;
/** For a model that nobody has calibrated. */
const plainThreshold = 0.8;

export default function (RED: NodeAPI): void {
  function Similar(this: Node, def: SimilarDef): void {
    RED.nodes.createNode(this, def);
    const light = new StatusLight(this);
    const memory = showMemory(RED, this, def.memory, light);

    const criteria = async (message: Message, options: Record<string, unknown>): Promise<PatternQuery> => {
      const label = options.label ?? (await typedText(RED, this, def.label, def.labelType, message));
      const where = plainObject(options.where) as PatternQuery;
      return typeof label === 'string' && label !== '' ? { ...where, label } : where;
    };

    const work = async ({ message, send }: Work) => {
      if (memory === undefined) throw missing('memory');
      const storage = await memory.storage();
      const options = plainObject(message.options);
      const vector = messageVector(message);
      const { encoder } = messageFeatures(message);
      const threshold =
        optionalNumber(options.threshold) ??
        optionalNumber(def.threshold) ??
        memory.threshold ??
        optionalNumber(plainObject(message.features).threshold) ??
        plainThreshold;
      const found = await storage.findSimilarPatterns(vector, {
        similarityThreshold: -1,
        maxResults: Math.max(1, optionalNumber(options.limit) ?? optionalNumber(def.limit) ?? 5),
        where: await criteria(message, options),
        ...(encoder !== undefined && { encoder }),
      });
      const matches = found.filter(({ similarity }) => similarity >= threshold).map(neighbour);
      const [best] = matches;
      if (best === undefined) {
        const [closest] = found;
        light.say('work', { fill: 'grey', shape: 'dot', text: 'status.no-match' });
        send([null, Object.assign(message, { closest: closest === undefined ? null : neighbour(closest) })]);
        return;
      }
      light.say('work', {
        fill: 'green',
        shape: 'dot',
        text: RED._('status.match', {
          label: best.label ?? RED._('status.unlabelled'),
          similarity: best.similarity.toFixed(2),
        }),
      });
      const mode = options.mode ?? def.mode;
      const payload =
        mode === 'neighbours' ? matches : { label: best.label, similarity: best.similarity, matches };
      const features = { ...plainObject(message.features), vector: Array.from(vector) };
      send([Object.assign(message, { payload, features }), null]);
    };

    workOnMessages(RED, this, { limit: queueLimit, policy: 'error', light, work });
  }
  RED.nodes.registerType('earmark-similar', Similar);
}

function neighbour(similar: SimilarPattern) {
  return { ...patternSummary(similar), similarity: similar.similarity };
}
