import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { PatternQuery, StoredPattern } from '../../src/pattern.ts';
import type { FeatureStorage } from '../../src/storage/index.ts';
import { missing, showMemory } from '../condition-status.ts';
import { plainObject } from '../feature-message.ts';
import { MessageOptions } from '../message-options.ts';
import { type Message, workOnMessages } from '../message-worker.ts';
import { optionalNumber } from '../number-field.ts';
import { patternSummary } from '../pattern-message.ts';
import { migrate } from '../saved-configuration.ts';
import { StatusLight } from '../status-light.ts';
import { typedNumber, typedText } from '../typed-value.ts';
import { migrations } from './migrations.ts';
import { ranges } from './ranges.ts';

const answers = ['list', 'each', 'count'] as const;

interface QueryDef extends NodeDef {
  memory: string;
  answer: (typeof answers)[number];
  label: string;
  labelType: string;
  sourceId: string;
  sourceIdType: string;
  kind: string;
  kindType: string;
  lastHours: string;
  lastHoursType: string;
  sortBy: NonNullable<PatternQuery['sortBy']>;
  sortDirection: 'asc' | 'desc';
  limit: string;
  confidence: string;
  lowHertz: string;
  highHertz: string;
  withFeatures: boolean;
  withClip: boolean;
}

/** `msg.query` may name one sound. */
type Criteria = PatternQuery & { id?: unknown };

const queueLimit = 64;
const hourMs = 3_600_000;

export default function (RED: NodeAPI): void {
  function Query(this: Node, saved: QueryDef): void {
    RED.nodes.createNode(this, saved);
    const def = migrate(saved, migrations);
    const light = new StatusLight(this);
    const memory = showMemory(RED, this, def.memory, light);

    const criteria = async (message: Message, options: MessageOptions): Promise<Criteria> => {
      const query: Criteria = { sortBy: def.sortBy, sortDirection: def.sortDirection };
      const label = await typedText(RED, this, def.label, def.labelType, message);
      const sourceId = await typedText(RED, this, def.sourceId, def.sourceIdType, message);
      const type = await typedText(RED, this, def.kind, def.kindType, message);
      const hours =
        options.number('lastHours', ranges.lastHours) ??
        (await typedNumber(
          'lastHours',
          ranges.lastHours,
          RED,
          this,
          def.lastHours,
          def.lastHoursType,
          message,
        ));
      const confidence = optionalNumber(def.confidence);
      const limit = optionalNumber(def.limit);
      const min = optionalNumber(def.lowHertz);
      const max = optionalNumber(def.highHertz);
      if (label !== undefined) query.label = label;
      if (sourceId !== undefined) query.sourceId = sourceId;
      if (type !== undefined) query.type = type;
      if (hours !== undefined) query.createdAt = { min: Date.now() - hours * hourMs };
      if (confidence !== undefined) query.confidenceThreshold = confidence;
      if (limit !== undefined) query.limit = limit;
      if (min !== undefined || max !== undefined) {
        query.frequencyRange = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
      }
      return { ...query, ...(plainObject(message.query) as PatternQuery) };
    };

    const describer = (storage: FeatureStorage, options: MessageOptions) => {
      const withFeatures = options.flag('withFeatures') ?? def.withFeatures;
      const withClip = options.flag('withClip') ?? def.withClip;
      return async (stored: StoredPattern) => ({
        ...patternSummary(stored),
        metadata: stored.metadata,
        ...(withFeatures && { features: Array.from(stored.pattern.features) }),
        ...(withClip && { clip: await clip(storage, stored.pattern.id) }),
      });
    };

    const find = async (storage: FeatureStorage, query: Criteria) => {
      if (typeof query.id !== 'string') return storage.queryPatterns(query);
      const one = await storage.getPatternById(query.id);
      return one === undefined ? [] : [one];
    };

    const count = async (storage: FeatureStorage, query: Criteria) => {
      if (typeof query.id === 'string') return (await find(storage, query)).length;
      const { limit: _limit, ...all } = query;
      return storage.countPatterns(all);
    };

    workOnMessages(RED, this, {
      limit: queueLimit,
      policy: 'error',
      light,
      work: async ({ message, send, signal }) => {
        if (memory === undefined) throw missing('memory');
        const storage = await memory.storage();
        const options = new MessageOptions(message);
        const answer = options.choice('answer', answers) ?? def.answer;
        const describe = describer(storage, options);
        const query = await criteria(message, options);
        if (answer === 'count') {
          send(Object.assign(message, { payload: await count(storage, query), query }));
          return;
        }
        const found = await find(storage, query);
        light.say('work', { fill: 'green', shape: 'dot', text: RED._('status.found', { n: found.length }) });
        if (answer === 'list') {
          const payload = [];
          for (const stored of found) payload.push(await describe(stored));
          send(Object.assign(message, { payload, query }));
          return;
        }
        const id = RED.util.generateId();
        for (const [index, stored] of found.entries()) {
          signal.throwIfAborted();
          const payload = await describe(stored);
          const parts = { id, type: 'array', index, count: found.length, len: 1 };
          send({ ...RED.util.cloneMessage(message), payload, query, parts });
        }
      },
    });
  }
  RED.nodes.registerType('earmark-query', Query);
}

async function clip(storage: FeatureStorage, id: string): Promise<Buffer | null> {
  const bytes = await storage.getClip(id);
  return bytes === undefined ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
