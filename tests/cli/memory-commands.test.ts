import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { bell, writeSound } from './made-sounds.ts';
import { earmark, finish, startEarmark } from './run-earmark.ts';

// Whole processes are started here, and a busy machine takes its time for each.
vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(path.join(os.tmpdir(), 'earmark-cli-'));
const at = (...names: string[]) => path.join(folder, ...names);
let bridge: RealBridge;
let environment: Record<string, string>;

beforeAll(async () => {
  bridge = await startRealBridge({ model: 'fixture' });
  environment = {
    EARMARK_BRIDGE_URL: bridge.url,
    EARMARK_TOKEN: bridge.token,
    EARMARK_MEMORY: at('memory'),
    HOME: folder,
  };
});
afterAll(async () => {
  await bridge.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command that must succeed and reads its JSON. */
async function json(args: string[], memory = at('memory')) {
  const { status, stdout, stderr } = await earmark([...args, '--json'], {
    environment: { ...environment, EARMARK_MEMORY: memory },
  });
  expect(status, `${args.join(' ')}: ${stderr}`).toBe(0);
  return JSON.parse(stdout);
}

async function ids(memory: string): Promise<string[]> {
  const found = await json(['query', '--sort', 'id', '--limit', '100000'], memory);
  return found.map(({ pattern }: { pattern: { id: string } }) => pattern.id);
}

describe('a memory of files', () => {
  beforeAll(() => {
    for (const label of ['bell', 'chime']) {
      for (const take of [1, 2]) {
        writeSound(at('sounds', label, `${take}.wav`), bell(label.length * 10 + take, 1 + take / 2));
      }
    }
    writeSound(at('sounds', 'nothing', 'silence.wav'), new Float32Array(16_000));
    writeFileSync(at('sounds', 'broken.wav'), 'this is no audio');
    writeFileSync(at('sounds', 'notes.txt'), 'not even meant to be audio');
  });

  it('gives a sound the name that people type, also where a Mac has written it', async () => {
    const memory = at('from-a-mac');
    writeSound(at('mac', 'Türklingel'.normalize('NFD'), '1.wav'), bell(3, 1));
    await json(['ingest', at('mac'), '--label-from', 'folder'], memory);
    expect(await json(['query', '--label', 'Türklingel'.normalize('NFC')], memory)).not.toEqual([]);
  });

  it('is filled once, with names from folders, and says what failed', async () => {
    const first = await earmark(['ingest', at('sounds'), '--label-from', 'folder', '--json'], {
      environment,
    });
    expect(first.status).toBe(3);
    const summary = JSON.parse(first.stdout);
    expect(summary).toMatchObject({ files: 6, stored: 4, known: 0, silent: 1, failed: 1, patterns: 10 });
    expect(summary.failures).toEqual([
      { file: at('sounds', 'broken.wav'), code: 'FORMAT', message: expect.any(String) },
    ]);
    expect(first.stderr).toContain('broken.wav');

    const elsewhere = [at('nowhere-1'), at('nowhere-2')];
    const again = await earmark(
      [
        'ingest',
        at('sounds', 'bell'),
        at('sounds', 'chime'),
        at('sounds', 'nothing'),
        ...elsewhere,
        '--label-from',
        'folder',
      ],
      { environment },
    );
    expect(again.status).toBe(3);
    expect(again.stderr).toContain('2 files failed:');
    expect(again.stdout).toContain('0 patterns stored from 0 files');
    expect(again.stdout).toContain('4 files skipped: the memory has them.');
    expect(again.stdout).toContain('1 file with nothing to hear.');
  });

  it('is queried by what is known', async () => {
    expect(await json(['query', '--count'])).toEqual({ count: 10 });
    const chimes = await json([
      'query',
      '--label',
      'chime',
      '--sort',
      'startTime',
      '--source',
      at('sounds', 'chime', '2.wav'),
    ]);
    expect(
      chimes.map(({ pattern }: { pattern: { startTime: number; endTime: number } }) => [
        pattern.startTime,
        pattern.endTime,
      ]),
    ).toEqual([
      [0, 1],
      [0.5, 1.5],
      [1, 2],
    ]);
    expect(chimes[0].pattern).not.toHaveProperty('features');
    expect(chimes[0].metadata).toMatchObject({ label: 'chime', encoder: { name: 'fixture' } });
    const [withVector] = await json(['query', '--features', '--limit', '1']);
    expect(withVector.pattern.features).toHaveLength(8);

    const text = await earmark(['query', '--label', 'bell', '--from', '1.2'], { environment });
    expect(text.status).toBe(0);
    expect(text.stdout.split('\n')[0]).toMatch(/^label +type +time +Hz/);
    const nothing = await earmark(['query', '--label', 'trumpet'], { environment });
    expect(nothing).toEqual({ status: 1, stdout: '', stderr: 'Nothing matches among 10 patterns.\n' });
    expect(await earmark(['query', '--label', 'trumpet', '--json'], { environment })).toMatchObject({
      status: 1,
      stdout: '[]\n',
    });
    const lines = (await earmark(['query', '--jsonl'], { environment })).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).metadata.label).sort()).toEqual([
      ...Array(5).fill('bell'),
      ...Array(5).fill('chime'),
    ]);
    const both = await earmark(['query', '--json', '--jsonl', '--limit', '1'], { environment });
    expect(JSON.parse(both.stdout)).toHaveProperty('pattern');
  });

  it('finds a file that it has heard, and says when nothing is alike', async () => {
    const file = at('sounds', 'chime', '1.wav');
    const found = await json(['similar', file, '--limit', '2', '--threshold', '0.99999']);
    expect(found).toMatchObject({ file, pieces: 2, threshold: 0.99999 });
    expect(found.matches).toHaveLength(2);
    for (const match of found.matches) {
      expect(match.similarity).toBeCloseTo(1, 5);
      expect(match.metadata).toMatchObject({ sourceId: file, label: 'chime' });
    }
    const text = await earmark(['similar', file], { environment });
    expect(text.stdout.split('\n')[1]).toMatch(/^ +1\.000 +chime/);
    const bells = await json(['similar', file, '--label', 'bell', '--threshold', '-1']);
    expect(
      new Set(bells.matches.map(({ metadata }: { metadata: { label: string } }) => metadata.label)),
    ).toEqual(new Set(['bell']));

    const stranger = writeSound(at('stranger.wav'), bell(99, 1));
    const none = await earmark(['similar', stranger, '--threshold', '0.999999'], { environment });
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(
      /^Nothing among 10 patterns is as alike as 1\.00\. The nearest is (bell|chime) \(0\.\d+\)\.\n$/,
    );
    const silence = await earmark(['similar', at('sounds', 'nothing', 'silence.wav')], { environment });
    expect(silence).toMatchObject({ status: 1, stderr: expect.stringContaining('There is only silence in') });
  });

  it('replaces what it had of a file that changed or is named anew', async () => {
    const memory = at('changing');
    const file = writeSound(at('changing.wav'), bell(5, 3));
    expect(await json(['ingest', file], memory)).toMatchObject({ stored: 1, patterns: 5 });
    writeSound(file, bell(6, 2));
    utimesSync(file, new Date(), new Date(statSync(file).mtimeMs + 5000));
    expect(await json(['ingest', file], memory)).toMatchObject({ stored: 1, patterns: 3 });
    expect(await json(['query', '--count'], memory)).toEqual({ count: 3 });
    expect(await json(['ingest', file, '--label', 'bell', '--tag', 'x', '--tag', 'y'], memory)).toMatchObject(
      { stored: 1 },
    );
    expect(await json(['query', '--count'], memory)).toEqual({ count: 3 });
    expect(await json(['query', '--count', '--label', 'bell', '--tag', 'y', '--tag', 'x'], memory)).toEqual({
      count: 3,
    });
  });

  it('keeps what it had of a file when the new name or tag cannot be one', async () => {
    const memory = at('named');
    const file = writeSound(at('named.wav'), bell(7, 1));
    await json(['ingest', file], memory);
    for (const wrong of [
      ['--tag', ''],
      ['--tag', 'x'.repeat(513)],
      ['--label', 'x'.repeat(513)],
    ]) {
      const { status } = await earmark(['ingest', file, '--memory', memory, ...wrong], { environment });
      expect(status).toBe(2);
    }
    expect(await json(['query', '--count'], memory)).toEqual({ count: 1 });
  });

  it('goes on with the others where a path is longer than the memory keeps', async () => {
    const deep = ['深い', ...Array<string>(8).fill('とても長い名前のフォルダーとても長い名前の')];
    const far = writeSound(at(...deep, '1.wav'), bell(9, 1));
    writeSound(at('深い', '2.wav'), bell(9, 1));
    const { status, stderr } = await earmark(['ingest', at('深い'), '--memory', at('deep')], { environment });
    expect(status).toBe(3);
    expect(stderr).toContain(`${far}: Its path has more than 512 bytes.`);
    expect(await json(['query', '--count'], at('deep'))).toEqual({ count: 1 });
  });

  it('says so when a file whose name could be a pattern is not there', async () => {
    const file = writeSound(at('horn [1].wav'), bell(8, 1));
    const gone = at('horn [2].wav');
    const { status, stderr } = await earmark(['ingest', file, gone, '--memory', at('horns')], {
      environment,
    });
    expect(status).toBe(3);
    expect(stderr).toContain(`There is no folder or file ${gone}.`);
    expect(await json(['query', '--count'], at('horns'))).toEqual({ count: 1 });
  });

  it('finds the other files of a folder where one cannot be looked at', async () => {
    // So deep that the name of one of them, and none of the others, makes a path that is too long.
    let cwd = at('deep');
    while (cwd.length < 4060) cwd = path.join(cwd, 'd'.repeat(Math.min(200, 4060 - cwd.length)));
    for (const name of ['a.wav', 'c.wav']) writeSound(path.join(cwd, name), bell(9, 1));
    execFileSync('cp', ['a.wav', `${'b'.repeat(60)}.wav`], { cwd });
    const options = { environment, cwd };
    const { stdout } = await earmark(['ingest', '.', '--memory', at('deep-memory'), '--json'], options);
    const { files, failures } = JSON.parse(stdout) as { files: number; failures: { code: string }[] };
    expect(files).toBe(2);
    expect(failures.map(({ code }) => code)).toEqual(['ENAMETOOLONG', 'LIMIT', 'LIMIT']);
  });

  it('goes through a file, a pipe, a backup and a check', async () => {
    const [before, backup] = await Promise.all([ids(at('memory')), json(['backup', at('backup')])]);
    expect(backup).toEqual({ folder: at('backup'), patterns: 10 });
    expect(await json(['export', '--output', at('all.jsonl')])).toEqual({
      file: at('all.jsonl'),
      patterns: 10,
    });
    const piped = await earmark(['export'], { environment });
    expect(piped.stdout).toBe(readFileSync(at('all.jsonl'), 'utf8'));
    expect(await json(['import', at('all.jsonl')], at('from-file'))).toEqual({ stored: 10 });
    writeFileSync(at('marked.jsonl'), `\uFEFF${readFileSync(at('all.jsonl'), 'utf8')}`);
    expect(await json(['import', at('marked.jsonl')], at('from-marked'))).toEqual({ stored: 10 });
    const input = await earmark(['import', '-', '--memory', at('from-pipe')], {
      environment,
      input: piped.stdout,
    });
    expect(input).toMatchObject({ status: 0, stdout: '10 patterns imported\n' });
    await Promise.all(
      ['backup', 'from-file', 'from-pipe'].map(async (copy) => {
        expect(await ids(at(copy)), copy).toEqual(before);
        expect(await json(['verify'], at(copy)), copy).toEqual({ ok: true, checked: 10, problems: [] });
      }),
    );
    writeFileSync(at('bad.jsonl'), '{"pattern":');
    const bad = await earmark(['import', at('bad.jsonl'), '--memory', at('other')], { environment });
    expect(bad.status).toBe(1);
    expect(bad.stderr).toMatch(/^earmark import: .*line 1/i);
  });

  it('an import ends when it is told to, also while it waits for standard input', async () => {
    const child = startEarmark(['import', '-', '--memory', at('waiting')], { environment });
    // Once more than a pipe holds is taken, the command is there and reads.
    await new Promise((resolve) => child.stdin.write('{'.repeat(1_000_000), resolve));
    child.kill('SIGTERM');
    expect(await finish(child)).toMatchObject({ status: 143, stdout: '', stderr: '' });
  });
});

describe('an ingest that is cut off', () => {
  const files = 16;
  beforeAll(() => {
    for (let index = 0; index < files; index += 1) writeSound(at('many', `${index}.wav`), bell(index, 60));
  });

  /** Windows that the server has embedded since its start. */
  async function embedded(): Promise<number> {
    const metrics = await fetch(`${bridge.url}/metrics`, {
      headers: { authorization: `Bearer ${bridge.token}` },
    });
    return Number(/^earmark_windows_total\{.*?ok.*\} (\S+)$/m.exec(await metrics.text())?.[1] ?? 0);
  }

  /** Starts an ingest and resolves when the first files are half done. */
  async function begun(memory: string) {
    const before = await embedded();
    const child = startEarmark(['ingest', at('many')], {
      environment: { ...environment, EARMARK_MEMORY: memory },
    });
    const ended = finish(child);
    while ((await embedded()) - before < 300) expect(child.exitCode, 'it must still be going on').toBeNull();
    return { child, ended };
  }

  it('by Ctrl+C says what it did, and goes on when it is run again', async () => {
    const memory = at('interrupted');
    const { child, ended } = await begun(memory);
    const beside = await earmark(['query', '--count', '--memory', memory], { environment });
    expect({ stderr: beside.stderr, writer: child.exitCode }).toEqual({ stderr: '', writer: null });
    child.kill('SIGINT');
    const { status, stdout } = await ended;
    expect(status).toBe(130);
    expect(stdout).toMatch(/patterns stored from \d+ files? in/);
    const kept = Number((await earmark(['query', '--count', '--memory', memory], { environment })).stdout);
    expect(kept).toBeLessThan(files * 119);
    expect(await json(['ingest', at('many')], memory)).toMatchObject({ failed: 0 });
    expect(await json(['query', '--count'], memory)).toEqual({ count: files * 119 });
  });

  it('by SIGKILL leaves nothing out and nothing twice', async () => {
    const memory = at('killed');
    const { child, ended } = await begun(memory);
    child.kill('SIGKILL');
    await ended;
    expect(await json(['ingest', at('many')], memory)).toMatchObject({ failed: 0 });
    expect(await ids(memory)).toEqual(await ids(at('interrupted')));
    expect(await json(['verify'], memory)).toMatchObject({ ok: true, checked: files * 119 });
  });
});
