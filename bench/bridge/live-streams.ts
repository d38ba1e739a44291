import type { AudioWindow } from '../../src/audio/pcm.ts';
import type { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';

export interface LiveStreamsResult {
  streams: number;
  secondsOfAudio: number;
  /** Milliseconds from a window's last sample to its vector. */
  lagP50: number;
  lagP99: number;
  largestLag: number;
  droppedWindows: number;
}

/** `streams` microphones at once, each giving a window a second, spread over that second as real ones are. */
export async function runLiveStreams(
  service: PythonBridgeService,
  windows: readonly Float32Array[],
  options: { streams: number; seconds: number },
): Promise<LiveStreamsResult> {
  const { streams, seconds } = options;
  const lags: number[] = [];
  const startedAt = performance.now();
  const droppedBefore = service.metrics().droppedWindows;
  const dueAt = (stream: number, seq: number) => startedAt + (stream / streams + seq) * 1000;
  async function* microphone(stream: number): AsyncGenerator<AudioWindow> {
    for (let seq = 0; seq < seconds; seq++) {
      const wait = dueAt(stream, seq) - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const samples = windows[(stream + seq) % windows.length]!;
      yield { seq, firstSample: seq * samples.length, sampleRate: 16_000, samples, gap: false };
    }
  }
  await Promise.all(
    Array.from({ length: streams }, async (_, stream) => {
      for await (const outcome of service.processAudioStream(microphone(stream), {
        overflow: 'dropOldest',
      })) {
        if (!outcome.ok) throw outcome.error;
        lags.push(performance.now() - dueAt(stream, outcome.value.seq));
      }
    }),
  );
  lags.sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(lags[Math.min(lags.length - 1, Math.floor(share * lags.length))]! * 10) / 10;
  return {
    streams,
    secondsOfAudio: streams * seconds,
    lagP50: at(0.5),
    lagP99: at(0.99),
    largestLag: at(1),
    droppedWindows: service.metrics().droppedWindows - droppedBefore,
  };
}
