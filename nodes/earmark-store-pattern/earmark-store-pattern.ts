import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { NewPatternMetadata } from '../../src/storage/index.ts';
import { missing, showMemory } from '../condition-status.ts';
import { messageFeatures, messageSource, messageVector, plainObject } from '../feature-message.ts';
import { MessageOptions } from '../message-options.ts';
import { type Work, workOnMessages } from '../message-worker.ts';
import { patternSummary } from '../pattern-message.ts';
import { migrate } from '../saved-configuration.ts';
import { StatusLight } from '../status-light.ts';
import { typedText, typedWords } from '../typed-value.ts';
import { migrations } from './migrations.ts';

interface StorePatternDef extends NodeDef {
  memory: string;
  label: string;
  labelType: string;
  kind: string;
  kindType: string;
  tags: string;
  tagsType: string;
  keepClip: boolean;
}

/** A memory writes thousands a second; more than this waits only while its disk is stuck. */
const queueLimit = 256;
/** Of a sound of which nobody says what kind it is. */
const plainKind = 'sound';

export default function (RED: NodeAPI): void {
  function StorePattern(this: Node, saved: StorePatternDef): void {
    RED.nodes.createNode(this, saved);
    const def = migrate(saved, migrations);
    const light = new StatusLight(this);
    const memory = showMemory(RED, this, def.memory, light);
    let count = 0;

    const forget = async ({ message, send }: Work, id: string) => {
      const storage = await memory!.storage();
      const forgotten = await storage.deletePattern(id);
      send(Object.assign(message, { payload: { id, forgotten } }));
    };

    const store = async ({ message, send }: Work) => {
      const options = new MessageOptions(message);
      const features = messageVector(message);
      const { encoder, ...described } = messageFeatures(message);
      const audio = plainObject(message.audio);
      const label = options.text('label') ?? (await typedText(RED, this, def.label, def.labelType, message));
      const metadata: NewPatternMetadata = {
        ...options.object('metadata'),
        sourceId: messageSource(message),
      };
      if (label !== undefined) metadata.label = label;
      const kind = options.text('kind') ?? (await typedText(RED, this, def.kind, def.kindType, message));
      const tags = tidy(
        options.words('tags') ?? (await typedWords(RED, this, def.tags, def.tagsType, message)),
      );
      if (tags.length > 0) metadata.tags = tags;
      if (encoder !== undefined) metadata.encoder = encoder;
      if (typeof message.filename === 'string') metadata.filename = message.filename;
      const keepClip = options.flag('keepClip') ?? def.keepClip;
      const clip = keepClip && Buffer.isBuffer(audio.clip) ? { clip: audio.clip } : {};

      const storage = await memory!.storage();
      const pattern = {
        ...described,
        type: kind ?? plainKind,
        confidence: options.number('confidence') ?? 1,
        features,
      };
      const id = await storage.storePattern(pattern, metadata, clip);
      const stored = await storage.getPatternById(id);
      light.say('work', { fill: 'green', shape: 'dot', text: RED._('status.stored', { n: ++count }) });
      // Undefined where retention has let it go again at once.
      send(Object.assign(message, { payload: stored ? patternSummary(stored) : { id } }));
    };

    workOnMessages(RED, this, {
      limit: queueLimit,
      policy: 'error',
      light,
      work: async (work) => {
        if (memory === undefined) throw missing('memory');
        const id = text(work.message.forget);
        await (id === undefined ? store(work) : forget(work, id));
      },
    });
  }
  RED.nodes.registerType('earmark-store-pattern', StorePattern);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function tidy(words: string[]): string[] {
  return [...new Set(words.map((word) => word.trim()).filter((word) => word !== ''))];
}
