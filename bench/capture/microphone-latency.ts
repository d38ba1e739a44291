import { setTimeout as sleep } from 'node:timers/promises';
import { measureLevel } from '../../src/audio/level.ts';
import { microphoneSource } from '../../src/audio/microphone.ts';
import type { RecorderName } from '../../src/audio/recorder.ts';
import { VirtualMicrophone } from '../../tests/virtual-microphone.ts';

const bursts = 20;
const tone = Float32Array.from({ length: 4800 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 1000 * i) / 48_000));

/**
 * Milliseconds from the command to play a burst of sound to the moment at which its first samples leave the
 * microphone source. The player's own start is in it.
 */
export async function microphoneLatencies(recorder: RecorderName): Promise<number[]> {
  const microphone = await VirtualMicrophone.start();
  const abort = new AbortController();
  const heard: number[] = [];
  const listen = async () => {
    let quietSince = performance.now();
    for await (const chunk of microphoneSource({ recorder, device: microphone.device }).chunks(
      abort.signal,
    )) {
      if (measureLevel(chunk.samples).level < -50) continue;
      if (performance.now() - quietSince > 300) heard.push(performance.now());
      quietSince = performance.now();
    }
  };
  const listening = listen().catch((error) => {
    if (!abort.signal.aborted) throw error;
  });
  try {
    await sleep(1500);
    const latencies: number[] = [];
    for (let burst = 0; burst < bursts; burst++) {
      const played = performance.now();
      await microphone.play(tone, 48_000);
      await sleep(500);
      const first = heard.find((time) => time > played);
      // Not heard within half a second: that long at least.
      latencies.push(first === undefined ? performance.now() - played : first - played);
    }
    abort.abort();
    await listening;
    return latencies.toSorted((a, b) => a - b);
  } finally {
    await microphone.stop();
  }
}
