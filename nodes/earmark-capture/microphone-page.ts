import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Request, Response } from 'express';
import type { NodeAPI } from 'node-red';
import { AudioError } from '../../src/audio/audio-error.ts';
import { type AudioSource, BrowserMicrophone, type SourceEvent } from '../../src/audio/index.ts';

/** A page sends at most two seconds at a time; more than this is no page of ours. */
const mostBytes = 2 ** 20;

const languages = ['en-US', 'de', 'es-ES', 'fr', 'ja', 'zh-CN'];
const files = ['page.css', 'page.js', 'worklet.js'];

/** What the page may load and ask: this server, and nothing else. */
const contentPolicy =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/** The capture nodes that a browser's page may send sound to. */
export interface MicrophonePage {
  /** The sound that the page of this node sends; the page is let in while the source is read. */
  source(nodeId: string, onEvent: (event: SourceEvent) => void): AudioSource;
}

/**
 * The admin routes of the page with which a browser becomes a capture node's microphone. Called once, when the
 * node set is loaded.
 *
 * The page itself is open to all, as the editor's own is: a browser that follows a link shows no token. It holds
 * nothing of the flow. What it asks and sends needs the right `earmark.write`, by the token of whoever has logged in
 * to the editor in that browser.
 */
export function registerMicrophonePage(RED: NodeAPI): MicrophonePage {
  const listening = new Map<string, BrowserMicrophone>();
  const write = RED.auth.needsPermission('earmark.write');
  const place = '/earmark/capture/:id/microphone';

  RED.httpAdmin.get(place, (request: Request, response: Response) => {
    const language = request.acceptsLanguages(languages) || languages[0]!;
    response.set({
      'Content-Security-Policy': contentPolicy,
      'Permissions-Policy': 'microphone=(self)',
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      Vary: 'Accept-Language',
    });
    response.type('html').send(pageIn(language));
  });
  RED.httpAdmin.get(`${place}/state`, write, (request: Request, response: Response) => {
    const id = String(request.params.id);
    const node = RED.nodes.getNode(id);
    const microphone = listening.get(id);
    response.set('Cache-Control', 'no-store').json({
      name: node?.name || 'capture',
      listening: microphone !== undefined,
      heard: microphone?.heard ?? false,
    });
  });
  RED.httpAdmin.get(`${place}/:file`, (request: Request, response: Response) => {
    const { file } = request.params;
    if (!files.includes(String(file))) return void response.status(404).end();
    response.set('X-Content-Type-Options', 'nosniff');
    response.sendFile(String(file), { root: path.join(import.meta.dirname, 'microphone-page') });
  });
  RED.httpAdmin.post(`${place}/audio`, write, async (request: Request, response: Response) => {
    try {
      const microphone = listening.get(String(request.params.id));
      if (microphone === undefined) {
        throw new AudioError('NOT_FOUND', 'This capture node is not listening to a browser.');
      }
      await receive(microphone, request);
      response.status(204).end();
    } catch (error) {
      refuse(response, error);
    }
  });

  return {
    source(nodeId, onEvent) {
      const microphone = new BrowserMicrophone({ sourceId: 'browser', onEvent });
      return {
        info: microphone.info,
        async *chunks(signal) {
          listening.set(nodeId, microphone);
          try {
            yield* microphone.chunks(signal);
          } finally {
            if (listening.get(nodeId) === microphone) listening.delete(nodeId);
          }
        },
      };
    },
  };
}

async function receive(microphone: BrowserMicrophone, request: Request): Promise<void> {
  const { recording, firstSample, sampleRate, end } = request.query;
  if (typeof recording !== 'string' || recording === '') {
    throw new AudioError('INVALID_ARGUMENT', 'recording is missing.');
  }
  if (end === 'true') return microphone.end(recording);
  // A page of another site can send a form with the user's cookies, but not this type.
  if (!request.is('application/octet-stream')) {
    throw new AudioError('FORMAT', 'The request must carry samples: application/octet-stream.');
  }
  const bytes = await readBody(request);
  microphone.receive({
    recording,
    firstSample: Number(firstSample),
    sampleRate: Number(sampleRate),
    bytes,
  });
}

async function readBody(request: Request): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > mostBytes) throw new AudioError('LIMIT', `At most ${mostBytes} bytes can be sent at once.`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const statuses: Record<string, number> = {
  INVALID_ARGUMENT: 400,
  NOT_FOUND: 404,
  DEVICE_BUSY: 409,
  LIMIT: 413,
  FORMAT: 415,
};

function refuse(response: Response, error: unknown): void {
  if (response.headersSent) return;
  if (error instanceof AudioError) {
    const { code, message } = error;
    response.status(statuses[code] ?? 500).json({ code, message });
  } else {
    // The connection broke while its body was read; nobody hears this.
    response.status(400).json({ code: 'INVALID_ARGUMENT', message: 'The request was not complete.' });
  }
}

const pages = new Map<string, string>();

function pageIn(language: string): string {
  const known = pages.get(language);
  if (known !== undefined) return known;
  const read = (...names: string[]) => readFileSync(path.join(import.meta.dirname, ...names), 'utf8');
  const catalogue = JSON.parse(read('locales', language, 'earmark-capture.json')) as {
    page: Record<string, string>;
  };
  const texts: Record<string, string> = { words: escaped(JSON.stringify(catalogue.page)) };
  for (const [key, text] of Object.entries(catalogue.page)) texts[`page.${key}`] = escaped(text);
  const page = read('microphone-page', 'page.html')
    .replace('lang="en"', `lang="${language}"`)
    .replace(/\{\{([\w.-]+)\}\}/g, (_, name: string) => texts[name]!);
  pages.set(language, page);
  return page;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
