import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FeatureVectorDatabase } from '../../src/storage/feature-vector-database.ts';
import { createFeatureStorage, type FeatureStorage } from '../../src/storage/index.ts';
import { ids, pattern } from './conformance/subject.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { dimensions, direction } from './vectors.ts';

async function openWriter(indexPath: string): Promise<FeatureStorage> {
  const storage = createFeatureStorage({ indexPath, dimensions });
  await storage.initialize();
  onTestFinished(() => storage.close());
  return storage;
}

/** Another process on the memory, and the lines that it says. */
function otherProcess(
  indexPath: string,
  role: 'reader' | 'writer',
): { child: ChildProcess; line(): Promise<string> } {
  const script = new URL('./reader-child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, indexPath, role], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value as string };
}

describe('several processes on one memory', () => {
  it('one writes, another reads and sees each change', async () => {
    const indexPath = temporaryFolder();
    const writer = await openWriter(indexPath);
    await writer.storePatterns([1, 2, 3].map((n) => pattern(n)));
    const { child, line } = otherProcess(indexPath, 'reader');
    expect(await line()).toBe('open');
    const ask = async (number: number) => {
      child.stdin!.write(`${number}\n`);
      return JSON.parse(await line());
    };
    expect(await ask(2)).toEqual({ count: 3, nearest: 'p0002', refused: 'READ_ONLY', changes: [] });
    await writer.storePattern(pattern(9).pattern, { sourceId: 'mic' });
    expect(await ask(9)).toMatchObject({ count: 4, nearest: 'p0009', changes: ['stored p0009'] });
    await writer.deletePattern('p0009');
    await writer.updatePattern('p0001', { pattern: { features: direction(9) } });
    expect(await ask(9)).toMatchObject({
      count: 3,
      nearest: 'p0001',
      changes: ['stored p0009', 'deleted p0009', 'updated p0001'],
    });
  }, 60_000);

  it('a second writer is refused until the first is closed', async () => {
    const indexPath = temporaryFolder();
    const first = await openWriter(indexPath);
    await first.storePattern(pattern(1).pattern, { sourceId: 'mic' });
    expect(await otherProcess(indexPath, 'writer').line()).toBe('LOCKED');
    const second = createFeatureStorage({ indexPath, dimensions });
    await expect(second.initialize()).rejects.toMatchObject({ code: 'LOCKED', retryable: true });
    await first.close();
    await second.initialize();
    onTestFinished(() => second.close());
    expect(await second.countPatterns()).toBe(1);
  }, 60_000);

  it('a memory that the killed writer left is taken over', async () => {
    const indexPath = temporaryFolder();
    await (await openWriter(indexPath)).close();
    const { child, line } = otherProcess(indexPath, 'writer');
    expect(await line()).toBe('open');
    await expect(createFeatureStorage({ indexPath }).initialize()).rejects.toMatchObject({ code: 'LOCKED' });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    await (await openWriter(indexPath)).storePattern(pattern(1).pattern, { sourceId: 'mic' });
  }, 60_000);

  it.each([
    { heartbeat: 'fresh', age: 1_000, opens: false },
    { heartbeat: 'old', age: 60_000, opens: true },
    // Its clock was right, and after a power cut this one is not yet.
    { heartbeat: 'of a time to come', age: -3_600_000, opens: true },
  ])('a writer elsewhere with a heartbeat that is $heartbeat', async ({ age, opens }) => {
    const indexPath = temporaryFolder();
    const database = new FeatureVectorDatabase(indexPath, { readOnly: false });
    const holder = { token: 'another', pid: 1, started: '1', place: 'another container', folder: indexPath };
    database.root.transactionSync(() => database.setWriterLock(holder));
    await database.close();
    const heartbeat = path.join(indexPath, 'writer.heartbeat');
    const beat = new Date(Date.now() - age);
    writeFileSync(heartbeat, '');
    utimesSync(heartbeat, beat, beat);
    const opening = openWriter(indexPath);
    if (opens) await opening;
    else await expect(opening).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('a reader that was killed while it read does not let the file grow', async () => {
    const indexPath = temporaryFolder();
    const patterns = Array.from({ length: 500 }, (_, n) => pattern(n));
    const first = await openWriter(indexPath);
    await first.storePatterns(patterns);
    await first.close();
    const writer = await openWriter(indexPath);
    const script = new URL('./held-reader.ts', import.meta.url).pathname;
    const reader = spawn(process.execPath, [script, indexPath], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(reader.stdout, 'data');
    reader.kill('SIGKILL');
    await once(reader, 'exit');
    const size = () => statSync(path.join(indexPath, 'memory.mdb')).size;
    const before = size();
    for (let n = 0; n < 40; n++) await writer.storePatterns(patterns);
    expect(size()).toBeLessThan(10 * before);
  }, 60_000);

  it('a reader in the process that writes sees its changes too', async () => {
    const indexPath = temporaryFolder();
    const writer = await openWriter(indexPath);
    const reader = createFeatureStorage({ indexPath, readOnly: true });
    await reader.initialize();
    onTestFinished(() => reader.close());
    await writer.storePatterns([1, 2].map((n) => pattern(n)));
    expect(await reader.countPatterns()).toBe(2);
    expect(ids(await reader.findSimilarPatterns(direction(2), { maxResults: 1 }))).toEqual(['p0002']);
    await expect(reader.storePattern(pattern(3).pattern, { sourceId: 'mic' })).rejects.toMatchObject({
      code: 'READ_ONLY',
    });
  });

  it('verify finds nothing wrong while another one writes', async () => {
    const indexPath = temporaryFolder();
    const writer = await openWriter(indexPath);
    await writer.storePatterns(Array.from({ length: 2000 }, (_, n) => pattern(n)));
    const reader = createFeatureStorage({ indexPath, readOnly: true });
    await reader.initialize();
    onTestFinished(() => reader.close());
    let verifying = true;
    const writing = (async () => {
      for (let n = 0; verifying; n = (n + 1) % 2000) {
        const id = pattern(n).pattern.id!;
        await writer.deletePattern(id);
        await writer.storePatterns([pattern(n, { id: `again ${id}` })]);
      }
    })();
    const problems = [];
    for (let n = 0; n < 10; n++)
      for (const memory of [reader, writer]) problems.push(...(await memory.verify()).problems);
    verifying = false;
    await writing;
    expect(problems).toEqual([]);
  }, 60_000);

  it('reading needs a memory that is there', async () => {
    const missing = createFeatureStorage({ indexPath: `${temporaryFolder()}/missing`, readOnly: true });
    await expect(missing.initialize()).rejects.toMatchObject({ code: 'PATH' });
    const empty = createFeatureStorage({ indexPath: temporaryFolder(), readOnly: true });
    await expect(empty.initialize()).rejects.toMatchObject({ code: expect.stringMatching(/^(PATH|IO)$/) });
  });
});
