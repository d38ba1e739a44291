import { type AudioWindow, Framer, type PcmChunk } from '../audio/index.ts';
import type { EncoderModel } from '../bridge/index.ts';

/**
 * Cuts as the server's one-shot requests do: the encoder's own windows at its own step, and one more that ends
 * with the audio where these do not. What is shorter than a window stays as it is; nothing is filled up.
 */
export class EncoderWindows {
  private readonly framer: Framer;
  private readonly length: number;
  /** The last samples, at most a window of them. */
  private recent: { samples: Float32Array; chunk: PcmChunk; end: number } | undefined;
  private coveredTo = 0;

  constructor({ window, sampleRate }: EncoderModel) {
    this.framer = new Framer({
      windowMs: window.seconds * 1000,
      hopMs: window.hopSeconds * 1000,
      tail: 'drop',
    });
    this.length = Math.round(window.seconds * sampleRate);
  }

  push(chunk: PcmChunk): AudioWindow[] {
    const windows = chunk.gap ? this.flush() : [];
    windows.push(...this.framer.push(chunk));
    const before = this.recent?.samples ?? new Float32Array(0);
    const kept = new Float32Array(Math.min(this.length, before.length + chunk.samples.length));
    const fresh = chunk.samples.subarray(-kept.length);
    kept.set(fresh, kept.length - fresh.length);
    kept.set(before.subarray(before.length - (kept.length - fresh.length)));
    this.recent = { samples: kept, chunk, end: chunk.firstSample + chunk.samples.length };
    const last = windows.at(-1);
    if (last !== undefined) this.coveredTo = last.firstSample + last.samples.length;
    return windows;
  }

  /** The window at the end of the audio, where it is not covered yet. */
  flush(): AudioWindow[] {
    const { recent } = this;
    this.recent = undefined;
    if (recent === undefined || recent.end <= this.coveredTo) return [];
    const { samples, end, chunk } = recent;
    const { sampleRate, sourceId, startedAt } = chunk;
    this.coveredTo = end;
    return [
      {
        // cutAudio counts all pieces anew.
        seq: 0,
        firstSample: end - samples.length,
        sampleRate,
        samples,
        gap: false,
        ...(sourceId === undefined ? {} : { sourceId }),
        ...(startedAt === undefined ? {} : { startedAt }),
      },
    ];
  }
}
