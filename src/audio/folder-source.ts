import type { Dirent } from 'node:fs';
import { glob, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AudioError } from './audio-error.ts';
import { type AudioSource, defaultSampleRate } from './audio-source.ts';
import { throwIfCancelled } from './child-output.ts';
import { type FileSourceOptions, fileSource } from './file-source.ts';
import type { PcmChunk } from './pcm.ts';

/** `sourceId` is each file's own path; `onEvent` is told of files, and folders in the folder, that were skipped. */
export type FolderSourceOptions = Omit<FileSourceOptions, 'sourceId'>;

const audioName =
  /\.(wav|wave|w64|rf64|bwf|aiff?|aifc|aac|amr|ape|asf|au|avi|caf|flac|m4[abv]|mka|mkv|mov|mp[1234]|mpga|oga|ogg|ogv|opus|snd|tta|ts|voc|webm|wma|wv)$/i;

/**
 * The audio files of a folder and of the folders in it, in the order of their names, or those that a glob
 * names. A folder's files are chosen by extension; what they truly are is seen when they are read. `onSkipped` is told
 * of folders in the folder that cannot be read, such as the `lost+found` of a disk.
 * @throws AudioError `NOT_FOUND` where there is no such folder or file, `CANCELLED`.
 */
export async function* findAudioFiles(
  folderOrGlob: string,
  signal?: AbortSignal,
  onSkipped: (folder: string, error: AudioError) => void = () => {},
): AsyncGenerator<string, void, undefined> {
  const found = await stat(folderOrGlob).catch(() => undefined);
  if (found?.isFile()) {
    yield folderOrGlob;
  } else if (found?.isDirectory()) {
    yield* walk(folderOrGlob, await entriesOf(folderOrGlob), signal, onSkipped);
  } else if (/[*?[\]{}]/.test(folderOrGlob)) {
    // One that matches nothing yields nothing: only so can it be stopped.
    const exclude = () => signal?.aborted === true;
    for await (const entry of glob(folderOrGlob, { withFileTypes: true, exclude })) {
      throwIfCancelled(signal);
      const path = join(entry.parentPath, entry.name);
      if (await isFile(entry, path)) yield path;
    }
    throwIfCancelled(signal);
  } else {
    throw new AudioError('NOT_FOUND', `There is no folder or file ${folderOrGlob}.`);
  }
}

async function* walk(
  folder: string,
  entries: readonly Dirent[],
  signal: AbortSignal | undefined,
  onSkipped: (folder: string, error: AudioError) => void,
): AsyncGenerator<string, void, undefined> {
  for (const entry of entries) {
    throwIfCancelled(signal);
    const path = join(folder, entry.name);
    // Links to folders are not followed: they can lead in a circle.
    if (entry.isDirectory()) {
      const within = await entriesOf(path).catch((error: AudioError) => void onSkipped(path, error));
      if (within !== undefined) yield* walk(path, within, signal, onSkipped);
    } else if (audioName.test(entry.name) && (await isFile(entry, path))) yield path;
  }
}

/** Sorted by name. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause) => {
    throw new AudioError('NOT_FOUND', `The folder ${folder} cannot be read (${cause.code}).`, { cause });
  });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A file, or a link to one. */
async function isFile(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isFile();
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/** All the audio of a folder or glob, one file after the other, each with its path as `sourceId`. */
export function folderSource(folderOrGlob: string, options: FolderSourceOptions = {}): AudioSource {
  const { sampleRate = defaultSampleRate } = options;
  return {
    info: { sourceId: folderOrGlob, sampleRate },
    chunks: (signal) => readFolder(folderOrGlob, options, signal),
  };
}

async function* readFolder(
  folderOrGlob: string,
  options: FolderSourceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<PcmChunk, void, undefined> {
  const onSkipped = (sourceId: string, error: AudioError) =>
    options.onEvent?.({ type: 'skipped', sourceId, error });
  for await (const path of findAudioFiles(folderOrGlob, signal, onSkipped)) {
    try {
      yield* fileSource(path, options).chunks(signal);
    } catch (error) {
      if (!(error instanceof AudioError) || error.code === 'CANCELLED') throw error;
      onSkipped(path, error);
    }
  }
}
