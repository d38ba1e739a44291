import { AudioError } from '../../src/audio/audio-error.ts';
import { fileSource } from '../../src/audio/file-source.ts';
import {
  probedSampleRate,
  type RobustFile,
  robustFiles,
  robustFolder,
} from '../../tests/audio/robust-corpus.ts';
import { PeakMemory } from './peak-memory.ts';

/** The most that a file, however odd, may take. */
const mostBytes = 256 * 1024 * 1024;

export interface CorpusResult {
  /** `passed/total` by what the manifest expects. */
  corpus: Record<RobustFile['expect'], string>;
  /** What did not do as expected. */
  failures: string[];
  seconds: number;
  /** Most memory over all files: of this process over what it began with, and of ffmpeg. */
  corpus_own_mb: number;
  corpus_ffmpeg_mb: number;
}

export async function decodeCorpus(): Promise<CorpusResult> {
  const failures: string[] = [];
  const counts: Record<RobustFile['expect'], [passed: number, total: number]> = {
    decode: [0, 0],
    reject: [0, 0],
    empty: [0, 0],
    either: [0, 0],
  };
  const began = performance.now();
  const before = process.memoryUsage.rss();
  using peak = new PeakMemory();
  for (const file of robustFiles()) {
    const outcome = await decode(robustFolder + file.file);
    peak.look();
    const count = counts[file.expect];
    count[1]++;
    if (passes(file, outcome) && Math.max(peak.own - before, peak.child) < mostBytes) count[0]++;
    else failures.push(`${file.file}: ${outcome}`);
  }
  return {
    corpus: Object.fromEntries(
      Object.entries(counts).map(([expected, [passed, total]]) => [expected, `${passed}/${total}`]),
    ) as CorpusResult['corpus'],
    failures,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    corpus_own_mb: Math.round((peak.own - before) / 1e6),
    corpus_ffmpeg_mb: Math.round(peak.child / 1e6),
  };
}

function passes({ file, expect, samples }: RobustFile, outcome: number | AudioError): boolean {
  switch (expect) {
    case 'decode': {
      const seconds = samples / probedSampleRate(robustFolder + file);
      return typeof outcome === 'number' && Math.abs(outcome - seconds) <= 0.02 * seconds + 1 / 16_000;
    }
    case 'reject':
      return outcome instanceof AudioError && ['FORMAT', 'LIMIT', 'DECODE_FAILED'].includes(outcome.code);
    case 'empty':
      return outcome instanceof AudioError && outcome.code === 'EMPTY';
    case 'either':
      return true;
  }
}

/** Seconds of sound, or the typed error; anything else that is thrown ends the benchmark. */
async function decode(path: string): Promise<number | AudioError> {
  let samples = 0;
  try {
    for await (const chunk of fileSource(path).chunks()) samples += chunk.samples.length;
    return samples / 16_000;
  } catch (error) {
    if (error instanceof AudioError) return error;
    throw error;
  }
}
