import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFeatureStorage } from '../../src/storage/index.ts';
import { damagedPatterns, type Outcome, queryVector } from './damaged-memory.ts';

const base = mkdtempSync(path.join(tmpdir(), 'earmark-damage-'));
const small = path.join(base, 'small');
const withGraph = path.join(base, 'with-graph');
let smallTruth: string[];
let graphTruth: string[];
let graph: string;

const everyDamage = [
  ...['cut in half', 'cut by one byte', 'cut to 10 bytes', 'empty', 'garbage', 'zeros', 'longer than it was'],
  ...['deleted', 'swapped for another', 'read-only', 'a folder'],
];
const flips = (count: number) => new Array<string>(count).fill('bits flipped');

beforeAll(async () => {
  // Notes of many lengths, so that records lie in leaf pages as well as in pages of their own.
  smallTruth = await fill(small, 300, 3000);
  graphTruth = await fill(withGraph, 12_050, 1);
  graph = readdirSync(withGraph).find((name) => name.endsWith('.usearch'))!;
}, 120_000);
afterAll(() => rmSync(base, { recursive: true, force: true }));

async function fill(folder: string, count: number, longestNote: number): Promise<string[]> {
  const storage = createFeatureStorage({ indexPath: folder, dimensions: 16 });
  await storage.initialize();
  await storage.storePatterns(damagedPatterns(count, longestNote));
  await storage.flush();
  const found = await storage.findSimilarPatterns(queryVector, { maxResults: 3 });
  await storage.close();
  return found.map(({ pattern }) => pattern.id);
}

/** Fails when the process that opens the damaged memories does not live to the end. */
async function outcomes(template: string, file: string, damages: string[]): Promise<Outcome[]> {
  const scratch = path.join(base, `scratch-${file}`);
  mkdirSync(scratch);
  const script = new URL('./damage-child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, template, scratch, file, damages.join(',')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
  const found: Outcome[] = [];
  for await (const line of createInterface(child.stdout)) found.push(JSON.parse(line));
  expect(await ended, `after ${JSON.stringify(found.at(-1))}: ${complaint}`).toBe(0);
  return found;
}

function expectAllThere(outcome: Outcome, count: number, similar: string[]): void {
  expect(outcome).toMatchObject({ patterns: count, listed: count, problems: 0, similar });
}

describe('a damaged', () => {
  it('memory.mdb is refused with CORRUPT, or what is whole in it is served', async () => {
    for (const outcome of await outcomes(small, 'memory.mdb', [...everyDamage, ...flips(15)])) {
      if (outcome.error !== undefined) {
        expect(['CORRUPT', 'PATH', 'IO'], JSON.stringify(outcome)).toContain(outcome.error);
        continue;
      }
      // Damaged records are left out, and said to be.
      const lost = 300 - outcome.listed!;
      expect(lost === 0 || outcome.events.includes('record-damaged'), JSON.stringify(outcome)).toBe(true);
      expect(outcome.problems! >= lost, JSON.stringify(outcome)).toBe(true);
    }
  }, 300_000);

  it.each(['columns.cache', 'memory.mdb-lock'])(
    '%s changes no answer',
    async (file) => {
      for (const outcome of await outcomes(small, file, [...everyDamage, ...flips(3)])) {
        if (outcome.damage === 'a folder') expect(outcome.error).toBe('PATH');
        else expectAllThere(outcome, 300, smallTruth);
      }
    },
    300_000,
  );

  it('graph changes no answer', async () => {
    const damages = [
      'cut in half',
      'empty',
      'garbage',
      'longer than it was',
      'deleted',
      'a folder',
      ...flips(3),
    ];
    for (const outcome of await outcomes(withGraph, graph, damages))
      expectAllThere(outcome, 12_050, graphTruth);
  }, 300_000);

  it('sidecar of the graph changes no answer', async () => {
    for (const outcome of await outcomes(withGraph, 'graph.json', [
      'cut by one byte',
      'garbage',
      'swapped for another',
      'deleted',
      ...flips(2),
    ])) {
      expectAllThere(outcome, 12_050, graphTruth);
    }
  }, 300_000);
});
