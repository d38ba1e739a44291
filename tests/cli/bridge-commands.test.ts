import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RealBridge, startRealBridge } from '../real-bridge.ts';
import { bell, writeSound } from './made-sounds.ts';
import { earmark, finish, startEarmark } from './run-earmark.ts';

// Whole processes are started here, and a busy machine takes its time for each.
vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(path.join(os.tmpdir(), 'earmark-cli-'));
let bridge: RealBridge;
let environment: Record<string, string>;

beforeAll(async () => {
  bridge = await startRealBridge({ model: 'fixture' });
  environment = { EARMARK_BRIDGE_URL: bridge.url, EARMARK_TOKEN: bridge.token, HOME: folder };
});
afterAll(async () => {
  await bridge.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface EmbeddedLine {
  file: string;
  startTime: number;
  endTime: number;
  model: { name: string; revision: string };
  features: number[];
}

describe('earmark embed', () => {
  it('prints a line of JSON per window', async () => {
    const file = writeSound(path.join(folder, 'two.wav'), bell(1, 2.25));
    const { status, stdout, stderr } = await earmark(['embed', file, '--jsonl'], { environment });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as EmbeddedLine);
    expect(lines.map(({ startTime, endTime }) => [startTime, endTime])).toEqual([
      [0, 1],
      [0.5, 1.5],
      [1, 2],
      [1.25, 2.25],
    ]);
    for (const line of lines) {
      expect(line.file).toBe(file);
      expect(line.model).toEqual({ name: 'fixture', revision: expect.any(String) });
      expect(line.features).toHaveLength(8);
      expect(Math.hypot(...line.features)).toBeCloseTo(1, 5);
    }
  });

  it('makes one vector of a file, as an array, and of files shorter than a window', async () => {
    const long = writeSound(path.join(folder, 'long.wav'), bell(1, 3));
    const short = writeSound(path.join(folder, 'short.wav'), bell(1, 0.01));
    const { status, stdout } = await earmark(['embed', long, short, '--cut', 'whole', '--json'], {
      environment,
    });
    expect(status).toBe(0);
    const vectors = JSON.parse(stdout) as EmbeddedLine[];
    expect(vectors.map(({ file, startTime, endTime }) => [file, startTime, endTime])).toEqual([
      [long, 0, 3],
      [short, 0, 0.01],
    ]);
  });

  it('says which files failed, does the others, and ends with 3', async () => {
    const good = writeSound(path.join(folder, 'good.wav'), bell(2, 1));
    const bad = path.join(folder, 'bad.wav');
    writeFileSync(bad, 'this is no audio');
    const some = await earmark(['embed', bad, good, path.join(folder, 'none.wav'), '--jsonl'], {
      environment,
    });
    expect(some.status).toBe(3);
    expect(some.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(some.stderr).toContain('2 files failed:');
    expect(some.stderr).toContain(bad);
    const none = await earmark(['embed', bad, '--json'], { environment });
    expect(none).toMatchObject({ status: 1, stdout: '[]\n' });
  });

  it('names the encoders that there are', async () => {
    const { status, stderr } = await earmark(['embed', 'a.wav', '--model', 'nobody'], { environment });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'earmark embed: The bridge has no encoder nobody. It has: fixture, other, missing.\n',
    });
  });

  it('says what is wrong with the token and with the address', async () => {
    const token = await earmark(['embed', 'a.wav'], {
      environment: { ...environment, EARMARK_TOKEN: 'wrong' },
    });
    expect(token.status).toBe(1);
    expect(token.stderr).toMatch(/^earmark embed: .*token/i);
    expect(token.stderr.trimEnd().split('\n')).toHaveLength(1);
    const nowhere = await earmark(['embed', 'a.wav', '--bridge', 'http://127.0.0.1:9'], { environment });
    expect(nowhere.status).toBe(1);
    expect(nowhere.stderr).toMatch(/^earmark embed: .*127\.0\.0\.1:9/);
    expect(nowhere.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('ends quietly when the reader of a long output has gone', async () => {
    const file = writeSound(path.join(folder, 'minutes.wav'), bell(3, 120));
    const child = startEarmark(['embed', file, '--jsonl'], { environment });
    const ended = finish(child);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const { status, stderr } = await ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

describe('earmark evaluate', () => {
  let manifest: string;
  beforeAll(() => {
    const rows = ['label,file,group'];
    for (let label = 0; label < 4; label += 1) {
      for (let take = 0; take < 8; take += 1) {
        // The same tones, cut at other places and with other lengths.
        const samples = bell(label * 7 + 1, 1.6).subarray(take * 160, 16_000 + take * 900);
        writeSound(path.join(folder, 'bells', `${label}-${take}.wav`), samples);
        rows.push(`bell ${label},bells/${label}-${take}.wav,${label}-${take >> 1}`);
      }
    }
    manifest = path.join(folder, 'manifest.csv');
    writeFileSync(manifest, rows.join('\r\n'));
  });

  it('prints the figures as JSON, the same ones each time', async () => {
    const args = ['evaluate', manifest, '--shots', '1,3', '--exclude', 'group', '--json'];
    const { status, stdout } = await earmark(args, { environment });
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      knn: 1,
      map: expect.any(Number),
      few_shot: { 1: expect.any(Number), 3: expect.any(Number) },
      open_set_auroc: expect.any(Number),
      false_match: expect.any(Number),
      random_cosine: expect.any(Number),
      x_realtime: expect.any(Number),
      clips: 32,
      groups: 16,
      asked: 32,
      model: { name: 'fixture' },
      failures: [],
    });
    expect(result.map).toBeGreaterThan(0.9);
    expect(result.few_shot[3]).toBeGreaterThan(0.9);
    expect(result.x_realtime).toBeGreaterThan(0);
    const again = JSON.parse((await earmark(args, { environment })).stdout);
    expect({ ...again, x_realtime: 0 }).toEqual({ ...result, x_realtime: 0 });
  });

  it('answers in words', async () => {
    const { status, stdout } = await earmark(['evaluate', manifest], { environment });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^How well will this work on my sounds\?\n {2}(Very well|Well|In part|Poorly)/);
    expect(stdout).toContain('Taught with 5 examples of each');
    expect(stdout).toMatch(/nearest neighbour right \(knn\) +1\.000/);
  });

  it('leaves out what cannot be read, and says so', async () => {
    const partly = path.join(folder, 'partly.csv');
    writeFileSync(
      partly,
      'file,label\nbells/0-0.wav,a\nbells/0-1.wav,a\nbells/1-0.wav,b\nbells/1-1.wav,b\nnone.wav,b\n',
    );
    const { status, stdout, stderr } = await earmark(['evaluate', partly, '--json'], { environment });
    expect(status).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      clips: 4,
      few_shot: { 1: expect.any(Number) },
      failures: [{ code: 'NOT_FOUND' }],
    });
    expect(stderr).toContain('none.wav');
    expect(stderr).toContain('Too few clips in too few groups to teach 5 examples');
  });

  it('says what is missing in a manifest', async () => {
    const wrong = path.join(folder, 'wrong.csv');
    writeFileSync(wrong, 'path,label\na.wav,b\n');
    expect(await earmark(['evaluate', wrong], { environment })).toEqual({
      status: 1,
      stdout: '',
      stderr: `earmark evaluate: The manifest's first line has no column "file". It must name at least: file,label\n`,
    });
    writeFileSync(wrong, 'file,label,group\nbells/0-0.wav,a,1\nbells/0-1.wav,a,1\nbells/1-0.wav,b,2\n');
    const alone = await earmark(['evaluate', wrong], { environment });
    expect(alone.status).toBe(1);
    expect(alone.stderr).toContain('use --exclude self');
    expect((await earmark(['evaluate', wrong, '--shots', '0'], { environment })).status).toBe(2);
    expect((await earmark(['evaluate', path.join(folder, 'no.csv')], { environment })).stderr).toMatch(
      /^earmark evaluate: .*no\.csv/,
    );
  });
});
