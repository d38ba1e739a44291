// Decodes one file and prints what it took, as JSON. A process of its own, so that its memory is only that.
import { statSync } from 'node:fs';
import { extname } from 'node:path';
import { fileSource } from '../../src/audio/file-source.ts';
import type { HourResult } from './hour.ts';
import { PeakMemory } from './peak-memory.ts';

const path = process.argv[2]!;
using peak = new PeakMemory();
const began = performance.now();
let samples = 0;
let early = 0;
for await (const chunk of fileSource(path).chunks()) {
  samples += chunk.samples.length;
  if (early === 0 && samples > 0.1 * 3600 * 16_000) {
    peak.look();
    early = peak.own;
  }
}
peak.look();
const seconds = (performance.now() - began) / 1000;
const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
const result: HourResult = {
  format: extname(path).slice(1),
  megabytes: megabytes(statSync(path).size),
  x_realtime: Math.round(samples / 16_000 / seconds),
  own_mb: megabytes(peak.own),
  ffmpeg_mb: megabytes(peak.child),
  growth_mb: megabytes(peak.own - early),
  samples,
};
console.log(JSON.stringify(result));
