import { glob, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AudioError } from './audio-error.ts';
import { type AudioSource, defaultSampleRate } from './audio-source.ts';
import { throwIfCancelled } from './child-output.ts';
import { type FileSourceOptions, fileSource } from './file-source.ts';
import type { PcmChunk } from './pcm.ts';

/** `sourceId` is each file's own path; `onEvent` is told of files that were skipped. */
export type FolderSourceOptions = Omit<FileSourceOptions, 'sourceId'>;

const audioName =
  /\.(wav|wave|w64|rf64|bwf|aiff?|aifc|aac|amr|ape|asf|au|avi|caf|flac|m4[abv]|mka|mkv|mov|mp[1234]|mpga|oga|ogg|ogv|opus|snd|tta|ts|voc|webm|wma|wv)$/i;

/**
 * The audio files of a folder and of the folders in it, in the order of their names, or those that a glob
 * names. A folder's files are chosen by extension; what they truly are is seen when they are read.
 * @throws AudioError `NOT_FOUND` where there is no such folder or file, `CANCELLED`.
 */
export async function* findAudioFiles(
  folderOrGlob: string,
  signal?: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const found = await stat(folderOrGlob).catch(() => undefined);
  if (found?.isFile()) {
    yield folderOrGlob;
  } else if (found?.isDirectory()) {
    yield* walk(folderOrGlob, signal);
  } else if (/[*?[\]{}]/.test(folderOrGlob)) {
    // One that matches nothing yields nothing: only so can it be stopped.
    const exclude = () => signal?.aborted === true;
    for await (const entry of glob(folderOrGlob, { withFileTypes: true, exclude })) {
      throwIfCancelled(signal);
      if (entry.isFile()) yield join(entry.parentPath, entry.name);
    }
    throwIfCancelled(signal);
  } else {
    throw new AudioError('NOT_FOUND', `There is no folder or file ${folderOrGlob}.`);
  }
}

async function* walk(
  folder: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void, undefined> {
  throwIfCancelled(signal);
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause) => {
    throw new AudioError('NOT_FOUND', `The folder ${folder} cannot be read (${cause.code}).`, { cause });
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    // Links to folders are not followed: they can lead in a circle.
    if (entry.isDirectory()) yield* walk(path, signal);
    else if (entry.isFile() && audioName.test(entry.name)) yield path;
  }
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
  for await (const path of findAudioFiles(folderOrGlob, signal)) {
    try {
      yield* fileSource(path, options).chunks(signal);
    } catch (error) {
      if (!(error instanceof AudioError) || error.code === 'CANCELLED') throw error;
      options.onEvent?.({ type: 'skipped', sourceId: path, error });
    }
  }
}
