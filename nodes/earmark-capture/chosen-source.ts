import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Node, NodeAPI } from 'node-red';
import {
  type AudioSource,
  fileSource,
  folderSource,
  microphoneSource,
  networkSource,
  type SourceEvent,
  urlSource,
} from '../../src/audio/index.ts';
import type { MessageOptions } from '../message-options.ts';
import type { Message } from '../message-worker.ts';
import { NodeError } from '../node-error.ts';
import { optionalNumber } from '../number-field.ts';
import { sampleSounds } from '../package-folder.ts';
import { payloadSource } from '../sound-message.ts';
import { typedText } from '../typed-value.ts';
import { ranges } from './ranges.ts';

/** The sounds that come with the package lie in folders in here. */
export const shippedFolder = path.dirname(sampleSounds);

const kinds = ['microphone', 'browser', 'url', 'network', 'file', 'message', 'samples'] as const;
export type SourceKind = (typeof kinds)[number];

/** What the dialog says of where the sound comes from. */
export interface SourceFields {
  source: SourceKind;
  device: string;
  deviceType: string;
  path: string;
  pathType: string;
  url: string;
  urlType: string;
  protocol: 'tcp' | 'udp';
  host: string;
  port: string;
  sampleRate: string;
}

/** The kind of source that the dialog chose, or the message instead. */
export function chosenKind(fields: SourceFields, options: MessageOptions): SourceKind {
  return options.choice('source', kinds) ?? fields.source;
}

/** The source that the dialog chose, with what the message says instead. */
export async function chosenSource(
  RED: NodeAPI,
  node: Node,
  fields: SourceFields,
  message: Message,
  options: MessageOptions,
  onEvent: (event: SourceEvent) => void,
  /** A port is listened on; a sender may take its time. */
  onListening: () => void,
): Promise<AudioSource> {
  const kind = chosenKind(fields, options);
  switch (kind) {
    case 'browser':
      throw new NodeError('INTERNAL', 'The microphone of a browser is opened by its page.');
    case 'microphone': {
      const device =
        options.text('device') ?? (await typedText(RED, node, fields.device, fields.deviceType, message));
      return microphoneSource({ ...(device !== undefined && { device }), onEvent });
    }
    case 'url': {
      const url = options.text('url') ?? (await typedText(RED, node, fields.url, fields.urlType, message));
      if (url === undefined) throw new NodeError('BAD_MESSAGE', 'No address is given.');
      return urlSource(url, { live: true, onEvent });
    }
    case 'network': {
      const port = options.number('port', ranges.port) ?? optionalNumber(fields.port);
      if (port === undefined) throw new NodeError('BAD_MESSAGE', 'No port to listen on is given.');
      const sampleRate = options.number('sampleRate', ranges.sampleRate);
      const format = { sampleRate: sampleRate ?? optionalNumber(fields.sampleRate) ?? 16_000 };
      const host = options.text('host') ?? text(fields.host) ?? '127.0.0.1';
      const protocol = options.choice('protocol', ['tcp', 'udp']) ?? fields.protocol;
      return networkSource({ protocol, port, host, format, onEvent, onListening });
    }
    case 'message': {
      const sourceId = text(message.filename) ?? text(message.topic) ?? 'message';
      return payloadSource(message, { sourceId, onEvent });
    }
    case 'samples':
      return folderSource(sampleSounds, { onEvent });
    case 'file': {
      const name =
        text(message.filename) ??
        options.text('path') ??
        (await typedText(RED, node, fields.path, fields.pathType, message));
      if (name === undefined) throw new NodeError('BAD_MESSAGE', 'No file or folder is given.');
      const { full, several } = await findPath(RED, name);
      return several ? folderSource(full, { onEvent }) : fileSource(full, { onEvent });
    }
  }
}

/**
 * A relative path starts at the user directory; where nothing is there, at the package's `flows`, for the examples.
 * `several`: it is a folder, or names several files.
 */
export async function findPath(RED: NodeAPI, name: string): Promise<{ full: string; several: boolean }> {
  const own = path.resolve(RED.settings.userDir ?? process.cwd(), name);
  for (const full of new Set([own, path.resolve(shippedFolder, name)])) {
    // Not `statSync`: a disk in the network that does not answer would stop all flows.
    const found = await stat(full).catch(() => undefined);
    if (found !== undefined) return { full, several: found.isDirectory() };
  }
  return { full: own, several: /[*?]/.test(own) };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
