// npm run -s bench -- capture [--json] [--quick]
// Decoding of odd files, an hour of audio, the resampler, the microphone's delay. `--quick` leaves the hour out.
import { robustPresent } from '../tests/audio/robust-corpus.ts';
import { noVirtualMicrophone } from '../tests/virtual-microphone.ts';
import { compareResamplers } from './capture/alias.ts';
import { decodeCorpus } from './capture/corpus.ts';
import { decodeHours } from './capture/hour.ts';
import { microphoneLatencies } from './capture/microphone-latency.ts';

export async function run({ args }: { json: boolean; args: string[] }): Promise<Record<string, unknown>> {
  const resamplers = compareResamplers();
  const corpus = robustPresent
    ? await decodeCorpus()
    : { corpus: 'left out: ../shared/audio/robust is not here' };
  const hours = args.includes('--quick') ? [] : await decodeHours();
  const microphone = noVirtualMicrophone === undefined ? await latencies() : [];
  return {
    ...corpus,
    hour_rss_mb:
      hours.length === 0 ? null : Math.max(...hours.map(({ own_mb, ffmpeg_mb }) => own_mb + ffmpeg_mb)),
    hour_x_realtime: hours.length === 0 ? null : Math.min(...hours.map(({ x_realtime }) => x_realtime)),
    alias_db: resamplers[0]!.alias_db,
    mic_latency_ms: microphone[0]?.p95_ms ?? noVirtualMicrophone,
    hours,
    resamplers,
    microphone,
  };
}

async function latencies() {
  const results = [];
  for (const recorder of ['parec', 'arecord'] as const) {
    const sorted = await microphoneLatencies(recorder);
    const at = (share: number) =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!);
    results.push({ recorder, bursts: sorted.length, p50_ms: at(0.5), p95_ms: at(0.95), worst_ms: at(1) });
  }
  return results;
}
