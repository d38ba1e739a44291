import path from 'node:path';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { BehaviorSubject, type Observable } from 'rxjs';
import type { EarmarkError } from '../../src/errors.ts';
import { Recogniser } from '../../src/recognition/recogniser.ts';
import type { NewHeardSound } from '../../src/sounds/heard-sounds.ts';
import { createFeatureStorage, type DistanceMetric, type FeatureStorage } from '../../src/storage/index.ts';
import { codedError, NodeError } from '../node-error.ts';
import { optionalNumber } from '../number-field.ts';
import { registerAdminRoutes, type ServedSounds } from './admin-routes.ts';

interface MemoryDef extends NodeDef {
  folder: string;
  threshold: string;
  maxPatterns: string;
  maxDays: string;
  clipMegabytes: string;
  metric: DistanceMetric;
  dimensions: string;
  saveChanges: string;
  saveSeconds: string;
}

export type MemoryCondition =
  | { value: 'opening' }
  | { value: 'ready' }
  | { value: 'failed'; error: EarmarkError };

/** The memory as the other nodes see it. */
export interface MemoryNode extends Node {
  readonly condition$: Observable<MemoryCondition>;
  /** The similarity that the dialog asks for; without one each model's own is used. */
  readonly threshold: number | undefined;
  /** Resolves when the memory is open; rejects when it cannot be opened. */
  storage(): Promise<FeatureStorage>;
  /** Tells the labels apart; one for all nodes that believe from the same similarity. */
  recogniser(threshold: number): Promise<Recogniser>;
  /** Shows in the Sounds sidebar what was heard, and what it was taken for. */
  hear(sound: NewHeardSound): void;
}

/** Another process may let go of the folder, or a disk may be mounted late. */
const retryMs = 5000;
const dayMs = 86_400_000;
/** A threshold that comes with each message must not leave one behind for each. */
const mostRecognisers = 16;

export default function (RED: NodeAPI): void {
  const sounds = registerAdminRoutes(RED);

  function Memory(this: MemoryNode, def: MemoryDef): void {
    RED.nodes.createNode(this, def);
    const node = this as { -readonly [K in keyof MemoryNode]: MemoryNode[K] };
    const condition = new BehaviorSubject<MemoryCondition>({ value: 'opening' });
    node.condition$ = condition;
    node.threshold = optionalNumber(def.threshold);

    const name = def.name || def.folder;
    let opened: FeatureStorage | undefined;
    let served: ServedSounds | undefined;
    node.hear = (sound) => served?.hear(sound);
    let timer: NodeJS.Timeout | undefined;
    let closed = false;

    const open = async (): Promise<FeatureStorage> => {
      const storage = createFeatureStorage(storageOptions(def, RED.settings.userDir ?? process.cwd(), this));
      try {
        await storage.initialize();
      } catch (error) {
        await storage.close().catch(() => {});
        throw error;
      }
      if (closed) {
        await storage.close();
        throw closedByDeployment();
      }
      opened = storage;
      served = sounds.serve({ id: node.id, name, storage });
      condition.next({ value: 'ready' });
      return storage;
    };

    const recognisers = new Map<number, Recogniser>();
    node.recogniser = async (threshold) => {
      const storage = await node.storage();
      let recogniser = recognisers.get(threshold);
      if (recogniser === undefined) {
        if (recognisers.size >= mostRecognisers) closeRecognisers(recognisers);
        recogniser = new Recogniser(storage, { threshold });
        recognisers.set(threshold, recogniser);
      }
      return recogniser;
    };

    let latest: Promise<unknown> = Promise.resolve();
    const attempt = () => {
      const opening = open();
      latest = opening;
      node.storage = () => opening;
      opening.catch((thrown) => {
        if (closed) return;
        const error = codedError(thrown);
        const before = condition.value;
        condition.next({ value: 'failed', error });
        if (before.value !== 'failed' || before.error.code !== error.code) {
          sounds.fail({ id: node.id, name, error });
          this.error(error);
        }
        if (error.retryable) timer = setTimeout(attempt, retryMs);
      });
    };
    attempt();

    this.on('close', (_removed: boolean, done: () => void) => {
      closed = true;
      clearTimeout(timer);
      sounds.forget(node.id);
      closeRecognisers(recognisers);
      node.storage = () => Promise.reject(closedByDeployment());
      latest
        .catch(() => {})
        .then(() => served?.release())
        .then(() => opened?.close())
        .catch((error) => this.warn(error))
        .finally(() => {
          condition.complete();
          done();
        });
    });
  }
  RED.nodes.registerType('earmark-memory', Memory);
}

function closedByDeployment(): NodeError {
  return new NodeError('NOT_SET_UP', 'The memory was closed by a new deployment.');
}

function closeRecognisers(recognisers: Map<number, Recogniser>): void {
  for (const recogniser of recognisers.values()) recogniser.close();
  recognisers.clear();
}

function storageOptions(def: MemoryDef, userDir: string, node: Node) {
  const changes = optionalNumber(def.saveChanges);
  const seconds = optionalNumber(def.saveSeconds);
  const threshold = optionalNumber(def.threshold);
  const dimensions = optionalNumber(def.dimensions);
  const maxPatterns = optionalNumber(def.maxPatterns);
  const maxDays = optionalNumber(def.maxDays);
  const clipMegabytes = optionalNumber(def.clipMegabytes);
  return {
    indexPath: path.resolve(userDir, def.folder),
    root: userDir,
    distanceMetric: def.metric,
    saveEvery: {
      ...(changes !== undefined && { changes }),
      ...(seconds !== undefined && { milliseconds: Math.round(seconds * 1000) }),
    },
    ...(threshold !== undefined && { similarityThreshold: threshold }),
    ...(dimensions !== undefined && { dimensions }),
    ...(maxPatterns !== undefined && { maxPatterns }),
    ...(maxDays !== undefined && { maxAge: Math.round(maxDays * dayMs) }),
    ...(clipMegabytes !== undefined && { clipBudgetBytes: Math.round(clipMegabytes * 1_000_000) }),
    onHealthEvent: (event: { message: string }) => node.log(event.message),
  };
}
