import { AudioError, fileSource } from '../audio/index.ts';
import type { LabelledClip } from '../evaluation/labelled-clip.ts';
import type { BridgeSession } from './bridge-session.ts';
import { cutAudio } from './cut-audio.ts';
import { type FileFailure, fileFailure } from './file-failures.ts';

export interface LabelledFile {
  file: string;
  label: string;
  group: string;
}

/** Clips that are decoded before the next ones are embedded, so that decoding does not count as the encoder's time. */
const batchSize = 16;
const decodersAtOnce = 4;
/** Requests under way: enough to keep the server's workers busy. */
const requestsAtOnce = 2;

/** The clips of a manifest with one vector each, and how fast they were computed. */
export class EmbeddedManifest {
  readonly clips: LabelledClip[] = [];
  readonly failures: FileFailure[] = [];
  /** Seconds of audio in the clips. */
  seconds = 0;
  private encoderSeconds = 0;
  private readonly session: BridgeSession;
  private readonly signal: AbortSignal;

  constructor(session: BridgeSession, signal: AbortSignal) {
    this.session = session;
    this.signal = signal;
  }

  /** Seconds of audio embedded in a second, transport included, decoding not. */
  get xRealtime(): number {
    return this.seconds / this.encoderSeconds;
  }

  async add(files: readonly LabelledFile[], onProgress: (done: number) => void): Promise<void> {
    for (let start = 0; start < files.length; start += batchSize) {
      const batch = files.slice(start, start + batchSize);
      const samples = await this.each(batch, decodersAtOnce, ({ file }) => this.decode(file));
      const started = performance.now();
      const vectors = await this.each(batch, requestsAtOnce, (_, index) => this.embed(samples[index]));
      this.encoderSeconds += (performance.now() - started) / 1000;
      // In the manifest's order, whichever answer came first: the draws depend on it.
      for (const [index, { label, group }] of batch.entries()) {
        const features = vectors[index];
        if (features === undefined) continue;
        this.clips.push({ label, group, features });
        this.seconds += samples[index]!.length / this.session.model.sampleRate;
      }
      onProgress(Math.min(files.length, start + batchSize));
    }
  }

  /** Results by position, so many at once; `undefined` for a file that failed. */
  private async each<Result>(
    batch: readonly LabelledFile[],
    atOnce: number,
    work: (file: LabelledFile, index: number) => Promise<Result>,
  ): Promise<(Result | undefined)[]> {
    const results: (Result | undefined)[] = Array.from({ length: batch.length });
    const queue = batch.entries();
    const next = async () => {
      for (const [index, file] of queue) {
        try {
          results[index] = await work(file, index);
        } catch (error) {
          this.failures.push(fileFailure(file.file, error));
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, next));
    return results;
  }

  private async embed(samples: Float32Array | undefined): Promise<Float32Array | undefined> {
    if (samples === undefined) return undefined;
    const { service, model } = this.session;
    const { sampleRate, name } = model;
    const [whole] = await service.processAudio(samples, {
      sampleRate,
      model: name,
      window: 'whole',
      signal: this.signal,
    });
    return whole!.features;
  }

  private async decode(file: string): Promise<Float32Array> {
    const { model } = this.session;
    const source = fileSource(file, { sampleRate: model.sampleRate });
    // Cut as a whole, so that too long a file is refused and too short a one is lengthened as everywhere.
    const cutting = {
      cut: 'whole',
      model,
      skipSilence: false,
      tally: { seconds: 0, silentPieces: 0 },
    } as const;
    for await (const piece of cutAudio(source, { ...cutting, signal: this.signal })) return piece.samples;
    throw new AudioError('EMPTY', `There is no audio in ${file}.`);
  }
}
