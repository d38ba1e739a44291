import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileSource } from '../../src/audio/file-source.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { parseManifest } from '../../src/evaluation/manifest.ts';
import { SeededRandom } from '../../src/evaluation/seeded-random.ts';
import { Recogniser } from '../../src/recognition/recogniser.ts';
import { noFfmpeg } from '../audio/needs-ffmpeg.ts';
import { DoubleMemory } from '../pipelines/doubles.ts';
import { hasShippedModel, type RealBridge, startRealBridge } from '../real-bridge.ts';

const audio = path.join(import.meta.dirname, '..', '..', '..', 'shared', 'audio');
const present = ['household-kitchen20', 'speech-digits'].every((set) => existsSync(path.join(audio, set)));

interface Heard {
  label: string;
  group: string;
  features: Float32Array;
}

/** What was answered, how sure that was, and whether it was so. */
interface Answer {
  named: boolean;
  confidence: number;
  right: boolean;
  /** So that known and unknown sounds count the same in sum, which is what a confidence is about. */
  weight: number;
}

const taught = 5;
/** Of fewer, one unlucky choice of examples moves a tenth of the answers. */
const episodes = 60;

describe.skipIf(!present || noFfmpeg || !hasShippedModel)(
  'the confidence of the shipped encoder (needs ../shared/audio and ffmpeg)',
  () => {
    let bridge: RealBridge;
    let service: PythonBridgeService;

    beforeAll(async () => {
      bridge = await startRealBridge();
      service = new PythonBridgeService({ baseUrl: bridge.url, token: bridge.token });
    });
    afterAll(async () => {
      await service[Symbol.asyncDispose]();
      await bridge[Symbol.asyncDispose]();
    });

    it('is how often a name is right, among sounds of classes that were never trained', async () => {
      const answers = await ask(await hear('household-kitchen20'));
      const names = answers.filter(({ named }) => named);
      expect(names.length).toBeGreaterThan(100);
      expect(offBy(names)).toBeLessThan(0.12);
      expect(shareRight(names, 0.8)).toBeGreaterThan(shareRight(names, 0.5, 0.65) + 0.1);
    }, 120_000);

    it('is how often any answer is right, among words of a voice that taught none of them', async () => {
      const asks = (group: string) => group === 'lucas';
      const answers = await ask(await hear('speech-digits'), asks, (group) => !asks(group));
      expect(answers.length).toBeGreaterThan(1000);
      expect(offBy(answers)).toBeLessThan(0.08);
      expect(offBy(answers.filter(({ named }) => named))).toBeLessThan(0.08);
      expect(shareRight(answers, 0.9)).toBeGreaterThan(shareRight(answers, 0.5, 0.7) + 0.2);
    }, 120_000);

    /** The loudest second of each clip. */
    async function hear(set: string): Promise<Heard[]> {
      const entries = parseManifest(readFileSync(path.join(audio, set, 'manifest.csv'), 'utf8'));
      const heard: Heard[] = [];
      for (const { file, label, group } of entries) {
        const samples = loudestSecond(await samplesOf(path.join(audio, set, file)));
        const [window] = await service.processAudio(samples, { sampleRate: 16_000, window: 'whole' });
        heard.push({ label, group: group!, features: window!.features });
      }
      return heard;
    }
  },
);

/**
 * Two thirds of the labels are taught with five examples each; everything else is asked, from other recordings. Several
 * times, with other labels.
 */
async function ask(
  heard: readonly Heard[],
  asks: (group: string) => boolean = () => true,
  teaches: (group: string) => boolean = () => true,
): Promise<Answer[]> {
  const answers: (Answer & { known: boolean })[] = [];
  for (let episode = 0; episode < episodes; episode++) {
    const random = new SeededRandom(episode);
    const labels = random.shuffle([...new Set(heard.map(({ label }) => label))].sort());
    const known = new Set(labels.slice(0, Math.ceil((2 * labels.length) / 3)));
    const memory = new DoubleMemory();
    const groups = new Set<string>();
    for (const label of known) {
      const examples = heard.filter((sound) => sound.label === label && teaches(sound.group));
      for (const { features, group } of random.shuffle(examples).slice(0, taught)) {
        groups.add(group);
        await teach(memory, label, features);
      }
    }
    const recogniser = new Recogniser(memory);
    await recogniser.learn();
    for (const { label, group, features } of heard) {
      if (!asks(group) || groups.has(group)) continue;
      const { label: named, confidence } = await recogniser.recognise(features);
      const right = named === undefined ? !known.has(label) : named === label;
      answers.push({ named: named !== undefined, confidence, right, known: known.has(label), weight: 1 });
    }
    recogniser.close();
  }
  const unknown = answers.filter(({ known }) => !known).length;
  return answers.map((answer) => ({ ...answer, weight: answer.known ? unknown : answers.length - unknown }));
}

async function teach(memory: DoubleMemory, label: string, features: Float32Array): Promise<void> {
  const pattern = {
    id: `example ${memory.patterns.size}`,
    startTime: 0,
    endTime: 1,
    frequencyRange: { low: 0, high: 8000 },
    confidence: 1,
    type: 'sound' as const,
    features,
  };
  await memory.storePatterns([{ pattern, metadata: { label, sourceId: pattern.id } }]);
}

/** Mean distance between how sure the answers were and how many of them were right, in bins a tenth wide. */
function offBy(answers: readonly Answer[]): number {
  const bins = Map.groupBy(answers, ({ confidence }) => Math.min(9, Math.floor(confidence * 10)));
  const off = [...bins.values()].map((bin) =>
    Math.abs(sum(bin.map(({ confidence, right, weight }) => weight * (confidence - Number(right))))),
  );
  return sum(off) / sum(answers.map(({ weight }) => weight));
}

/** Of the answers with a confidence of at least `from` and under `below`. */
function shareRight(answers: readonly Answer[], from: number, below = 2): number {
  const inside = answers.filter(({ confidence }) => confidence >= from && confidence < below);
  return (
    sum(inside.map(({ right, weight }) => weight * Number(right))) / sum(inside.map(({ weight }) => weight))
  );
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

async function samplesOf(file: string): Promise<Float32Array> {
  const chunks: Float32Array[] = [];
  for await (const { samples } of fileSource(file).chunks()) chunks.push(Float32Array.from(samples));
  return Float32Array.from(chunks.flatMap((chunk) => [...chunk]));
}

function loudestSecond(samples: Float32Array): Float32Array {
  const second = 16_000;
  let best = samples.subarray(0, second);
  let most = -1;
  for (let at = 0; at + second <= samples.length; at += second / 2) {
    const part = samples.subarray(at, at + second);
    const energy = part.reduce((sum, value) => sum + value * value, 0);
    if (energy > most) [best, most] = [part, energy];
  }
  return best;
}
