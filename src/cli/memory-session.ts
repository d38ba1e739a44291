import { readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createFeatureStorage, type FeatureStorage } from '../storage/index.ts';
import { memoryFiles } from '../storage/memory-path.ts';
import { CommandFailure } from './command-failure.ts';

export const memoryOption = {
  kind: 'text',
  placeholder: 'PATH',
  completes: 'folder',
  description: 'Folder of the memory. Default: EARMARK_MEMORY, or else ~/.earmark/memory.',
} as const;

/** A similarity that everything reaches, in every metric. */
export const lowest = -Number.MAX_VALUE;

export function memoryPath(given: string | undefined): string {
  return path.resolve(given ?? (process.env.EARMARK_MEMORY || path.join(os.homedir(), '.earmark', 'memory')));
}

/** Whether nothing was stored there yet. A folder that cannot be looked into may hold a memory: opening it says what is wrong. */
export function holdsNoMemory(folder: string): boolean {
  try {
    return !readdirSync(folder).includes(memoryFiles.patterns);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/**
 * Opens the memory to read from it, beside a process that may be writing, or to write, alone.
 *
 * @throws {CommandFailure} there is nothing to read yet.
 */
export async function openMemory(
  given: string | undefined,
  mode: 'read' | 'write',
  options: Omit<Parameters<typeof createFeatureStorage>[0], 'indexPath'> = {},
): Promise<FeatureStorage> {
  const indexPath = memoryPath(given);
  if (mode === 'read' && holdsNoMemory(indexPath)) {
    throw new CommandFailure(
      `There is no memory at ${indexPath}. Fill one with earmark ingest, or name it with --memory.`,
    );
  }
  const memory = createFeatureStorage({ ...options, indexPath, readOnly: mode === 'read' });
  await memory.initialize();
  return memory;
}
