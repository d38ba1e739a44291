import type { Request, Response } from 'express';
import type { NodeAPI } from 'node-red';
import { asyncScheduler, type Observable, throttleTime } from 'rxjs';
import { EarmarkError } from '../../src/errors.ts';
import type { NewHeardSound } from '../../src/sounds/heard-sounds.ts';
import type { MemoryProblem, SoundsNotice } from '../../src/sounds/sound-answers.ts';
import { SoundError } from '../../src/sounds/sound-error.ts';
import { Sounds } from '../../src/sounds/sounds.ts';
import type { FeatureStorage } from '../../src/storage/index.ts';
import {
  bodyObject,
  readIds,
  readLabel,
  readSearch,
  readSelection,
  readWholeNumber,
} from './admin-requests.ts';

/** A deployed memory as the Sounds sidebar sees it. */
export interface ServedMemory {
  /** The config node's id. */
  id: string;
  /** The config node's label. */
  name: string;
  /** Opened and initialised; the config node closes it, not the sidebar. */
  storage: FeatureStorage;
}

export interface SoundsRoutes {
  /** Shows a memory in the sidebar until `release` is called (in the config node's `close`). */
  serve(memory: ServedMemory): ServedSounds;
  /** Says in the sidebar why a memory does not open, until it is served, or forgotten in the config node's `close`. */
  fail(memory: { id: string; name: string; error: EarmarkError }): void;
  forget(id: string): void;
}

export interface ServedSounds {
  /** Shows a sound that recognition heard, until it is stored or newer ones take its place. */
  hear(sound: NewHeardSound): void;
  release(): Promise<void>;
}

/** The topic of the live feed. */
export const soundsTopic = 'earmark/sounds';

/** Often enough to feel live, seldom enough for a slow editor. */
const noticeInterval = 500;
/** Sounds that one request may label. */
const mostLabelled = 10_000;
/** Sounds that one request may delete: each is kept with its clip until it can no longer be undone. */
const mostDeleted = 1000;
const mostDetails = 60;

/**
 * The HTTP admin routes and the live feed of the Sounds sidebar. Called once, when the memory's node set is
 * loaded: `const sounds = registerAdminRoutes(RED)`; each memory node then calls
 * `const served = sounds.serve({ id: this.id, name, storage })` and awaits `served.release()` before it closes the
 * storage.
 */
export function registerAdminRoutes(RED: NodeAPI): SoundsRoutes {
  const served = new Map<string, { name: string; storage: FeatureStorage; sounds: Sounds }>();
  const failed = new Map<string, { name: string; problem: MemoryProblem }>();
  const notify = (notice: SoundsNotice) => RED.comms.publish(soundsTopic, notice, false);
  const feed = (changes: Observable<unknown>, notice: SoundsNotice) =>
    changes
      .pipe(throttleTime(noticeInterval, asyncScheduler, { leading: true, trailing: true }))
      .subscribe({ next: () => notify(notice), error: () => undefined });

  const memoryOf = (request: Request) => {
    const memory = served.get(String(request.params.memory));
    if (!memory) throw new SoundError('CLOSED', 'This memory is not deployed, or not open yet.');
    return memory;
  };
  type Handler = (request: Request, sounds: Sounds, response: Response) => unknown;
  const answer = (handler: Handler) => async (request: Request, response: Response) => {
    try {
      const result = await handler(request, memoryOf(request).sounds, response);
      if (!response.headersSent) response.json(result);
    } catch (error) {
      sendError(response, error);
    }
  };
  const read = RED.auth.needsPermission('earmark.read');
  const write = RED.auth.needsPermission('earmark.write');
  const get = (path: string, handler: Handler) =>
    RED.httpAdmin.get(`/earmark/memories/:memory/${path}`, read, answer(handler));
  /** A POST that only reads: its list of ids would not fit into a URL. */
  const ask = (path: string, handler: Handler) =>
    RED.httpAdmin.post(`/earmark/memories/:memory/${path}`, read, onlyJson, answer(handler));
  const change = (path: string, handler: Handler) =>
    RED.httpAdmin.post(`/earmark/memories/:memory/${path}`, write, onlyJson, answer(handler));

  RED.httpAdmin.get('/earmark/memories', read, async (_request: Request, response: Response) => {
    try {
      const memories = await Promise.all(
        [...served].map(async ([id, { name, storage }]) => ({
          id,
          name,
          sounds: await storage.countPatterns(),
        })),
      );
      response.json([...memories, ...[...failed].map(([id, memory]) => ({ id, ...memory, sounds: 0 }))]);
    } catch (error) {
      sendError(response, error);
    }
  });
  get('sounds', ({ query }, sounds) => {
    const cursor = query.cursor;
    return sounds.page(
      readSearch(query.query, query.unlabelled),
      typeof cursor === 'string' ? cursor : undefined,
    );
  });
  get('heard', async (_request, sounds) => ({ sounds: await sounds.justHeard() }));
  ask('details', ({ body }, sounds) => sounds.details(readIds(bodyObject(body).ids, mostDetails)));
  get('sounds/:id/clip', async ({ params }, sounds, response) => {
    const clip = await sounds.getClip(String(params.id));
    const type = clip && clipType(clip);
    if (!type)
      return void response.status(404).json({ code: 'NOT_FOUND', message: 'This sound has no clip.' });
    response.set({ 'Content-Type': type, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' });
    response.send(Buffer.from(clip.buffer, clip.byteOffset, clip.byteLength));
  });
  get('labels', (_request, sounds) => sounds.labels());
  get('map', ({ query }, sounds, response) => {
    const generation = readWholeNumber(query.generation, 'generation');
    const revision = readWholeNumber(query.revision, 'revision');
    const known = generation === undefined || revision === undefined ? undefined : { generation, revision };
    const packed = sounds.map(known);
    if (!packed) return void response.status(204).end();
    response.set({ 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' });
    response.send(Buffer.from(packed.buffer));
  });
  ask('map/sounds', ({ body }, sounds) => {
    const selection = readSelection(body, mostDetails);
    if ('ids' in selection) throw new SoundError('INVALID', 'rows and generation are needed.');
    return sounds.soundsAt(selection.rows, selection.generation);
  });
  get('suggestions', (_request, sounds) => sounds.suggestions());
  get('undo', (_request, sounds) => ({ last: sounds.undoable ?? null }));
  change('label', ({ body }, sounds) =>
    sounds.label(readSelection(body, mostLabelled), readLabel(bodyObject(body).label)),
  );
  change('refuse', ({ body }, sounds) => {
    const label = readLabel(bodyObject(body).label);
    if (label === undefined) throw new SoundError('INVALID', 'label must be a label.');
    return sounds.refuse(readSelection(body, mostLabelled), label);
  });
  change('rename', ({ body }, sounds) => {
    const from = bodyObject(body).from;
    const to = readLabel(bodyObject(body).to);
    if (typeof from !== 'string' || to === undefined) {
      throw new SoundError('INVALID', 'from and to must be labels.');
    }
    return sounds.rename(from, to);
  });
  change('delete', ({ body }, sounds) => sounds.remove(readSelection(body, mostDeleted)));
  change('undo', (_request, sounds) => sounds.undo());

  return {
    serve({ id, name, storage }) {
      const sounds = new Sounds(storage);
      served.set(id, { name, storage, sounds });
      failed.delete(id);
      notify({});
      const feeds = [
        feed(storage.watch(), { memory: id }),
        feed(sounds.heard.changes$, { memory: id, heard: true }),
      ];
      return {
        hear: (sound) => sounds.heard.hear(sound),
        release: async () => {
          for (const one of feeds) one.unsubscribe();
          if (served.get(id)?.sounds === sounds) served.delete(id);
          await sounds.close();
          notify({});
        },
      };
    },
    fail({ id, name, error: { message, retryable } }) {
      failed.set(id, { name, problem: { message, retryable } });
      notify({});
    },
    forget(id) {
      if (failed.delete(id)) notify({});
    },
  };
}

/** A page of another site can send a form with the user's cookies, but no JSON. */
function onlyJson(request: Request, response: Response, next: () => void): void {
  if (request.is('application/json')) next();
  else response.status(415).json({ code: 'INVALID', message: 'The request must carry JSON.' });
}

/** Only what a browser plays; what else lies in a memory is not sent to it. */
function clipType(clip: Uint8Array): string | undefined {
  const magic = String.fromCharCode(...clip.subarray(0, 4));
  if (magic === 'RIFF') return 'audio/wav';
  if (magic === 'OggS') return 'audio/ogg';
  return magic === 'fLaC' ? 'audio/flac' : undefined;
}

const statusOf: Record<string, number> = {
  INVALID: 400,
  INVALID_ARGUMENT: 400,
  READ_ONLY: 403,
  NOT_FOUND: 404,
  CLOSED: 404,
  STALE_MAP: 409,
  NOTHING_TO_UNDO: 409,
  NOT_READY: 503,
  LOCKED: 503,
  DISK_FULL: 507,
};

function sendError(response: Response, error: unknown): void {
  if (response.headersSent) return void response.end();
  if (error instanceof EarmarkError) {
    response.status(statusOf[error.code] ?? 500).json({ code: error.code, message: error.message });
  } else {
    response
      .status(500)
      .json({ code: 'INTERNAL', message: 'The memory could not answer. See the log of Node-RED.' });
  }
}
