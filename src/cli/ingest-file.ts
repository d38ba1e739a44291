import { createHash } from 'node:crypto';
import { AudioError } from '../audio/index.ts';
import { soundPattern } from '../pipelines/index.ts';
import { longestText } from '../storage/checked-pattern.ts';
import type { FeatureStorage, NewStoredPattern } from '../storage/index.ts';
import { embedFile, type FileEmbedding, type FileTally } from './embed-source.ts';

export interface AudioFile {
  /** Absolute. */
  path: string;
  bytes: number;
  /** Milliseconds since 1970. */
  modified: number;
}

export interface FileIngestion extends Omit<FileEmbedding, 'skipSilence'> {
  memory: FeatureStorage;
  label?: string;
  tags: string[];
  tally: FileTally;
  /** Called after each piece. */
  onProgress: () => void;
}

/** Patterns of one transaction. */
const batchSize = 64;

/**
 * Stores what can be heard in a file, unless the memory has it, and resolves with the number of new patterns.
 *
 * A pattern's id follows from the file and from how it is stored, so that a file that was begun before a crash
 * is simply done again. Its first pattern is stored in its last transaction: where that one is, the file is
 * complete.
 */
export async function ingestFile(file: AudioFile, ingestion: FileIngestion): Promise<number | 'known'> {
  const { memory, session, cut, label, tags, tally, onProgress } = ingestion;
  // Of Japanese letters 170 are too many. It must not end the work on the other files.
  if (Buffer.byteLength(file.path) > longestText)
    throw new AudioError('LIMIT', `Its path has more than ${longestText} bytes. Move it into a shorter one.`);
  const encoder = { name: session.model.name, revision: session.model.revision };
  const key = createHash('sha256')
    .update(JSON.stringify([file, cut, encoder, label ?? null, tags]))
    .digest('hex')
    .slice(0, 32);
  const first = `${key}-0`;
  if ((await memory.getPatternById(first)) !== undefined) return 'known';

  let patterns = 0;
  let batch: NewStoredPattern[] = [];
  let last: NewStoredPattern[] = [];
  for await (const outcome of embedFile(file.path, tally, { ...ingestion, skipSilence: true })) {
    if (!outcome.ok) throw outcome.error;
    const stored = {
      pattern: soundPattern(outcome.value, { id: `${key}-${patterns}` }),
      metadata: {
        sourceId: file.path,
        encoder,
        ingested: key,
        ...(label === undefined ? {} : { label }),
        ...(tags.length === 0 ? {} : { tags }),
      },
    };
    if (patterns === 0) last = [stored];
    else batch.push(stored);
    patterns += 1;
    if (batch.length === batchSize) {
      await memory.storePatterns(batch);
      batch = [];
    }
    onProgress();
  }
  await forgetEarlier(memory, file, key);
  if (patterns > 0) await memory.storePatterns([...batch, ...last]);
  return patterns;
}

/** What an earlier state of the file, or another way of cutting or naming it, has left in the memory. */
async function forgetEarlier(memory: FeatureStorage, file: AudioFile, key: string): Promise<void> {
  for await (const { pattern, metadata } of memory.iteratePatterns({ sourceId: file.path })) {
    if (typeof metadata.ingested === 'string' && metadata.ingested !== key)
      await memory.deletePattern(pattern.id);
  }
}
