import { refuseOutside } from './audio-error.ts';
import { energyBand } from './frequency-range.ts';
import { measureLevel } from './level.ts';
import type { PcmChunk, SoundSegment } from './pcm.ts';
import { SoundGate } from './sound-gate.ts';

export interface SoundSegmenterOptions {
  /** How far a sound must rise over the background, in decibels, 3 to 60. Default 10. */
  thresholdDb?: number;
  /** Milliseconds of audio kept before and after the sound (after it no more than `hangOverMs`), 0 to 1,000. Default 60. */
  preRollMs?: number;
  /**
   * Milliseconds of quiet after which a sound counts as over, 20 to 10,000. Default 150: longer joins barks
   * and knocks to one sound, and every sound is told of that much later.
   */
  hangOverMs?: number;
  /** Sounds shorter than this are left out as clicks; 0 to 10,000 milliseconds. Default 30. */
  minLengthMs?: number;
  /** A longer sound is cut here; 200 to 600,000 milliseconds. Default 10,000. */
  maxLengthMs?: number;
}

const defaults: Required<SoundSegmenterOptions> = {
  thresholdDb: 10,
  preRollMs: 60,
  hangOverMs: 150,
  minLengthMs: 30,
  maxLengthMs: 10_000,
};

const limits: Record<keyof SoundSegmenterOptions, [low: number, high: number]> = {
  thresholdDb: [3, 60],
  preRollMs: [0, 1000],
  hangOverMs: [20, 10_000],
  minLengthMs: [0, 10_000],
  maxLengthMs: [200, 600_000],
};

/** A sound that has begun. Positions are samples since the source's start. */
interface OpenSound {
  start: number;
  /** End of the latest frame that still held it. */
  held: number;
  /** Energy by bin over the frames that held it, and the background's in the same time. */
  spectrum: Float64Array;
  background: Float64Array;
  /** Sum over those frames of the power ratio to the background. */
  ratio: number;
  frames: number;
  /** The background's mean square when it began. */
  quiet: number;
  /** It continues one that was cut. */
  continued: boolean;
}

/**
 * Cuts the sounds out of a stream: what rises over the running background (see `SoundGate`) becomes one
 * segment with its start and end, its band and its loudness. Memory holds at most one sound of the greatest
 * length.
 */
export class SoundSegmenter {
  readonly #options: Required<SoundSegmenterOptions>;
  #gate: SoundGate | undefined;
  #source: PcmChunk | undefined;
  #audio = new Float32Array(0);
  /** Position of `#audio[0]`, and how many samples are in it. */
  #audioStart = 0;
  #filled = 0;
  /** Position of the next frame to judge. */
  #frameStart = 0;
  #open: OpenSound | undefined;
  #seq = 0;
  #gap = false;

  /** @throws AudioError `INVALID_ARGUMENT` */
  constructor(options: SoundSegmenterOptions = {}) {
    this.#options = { ...defaults, ...options };
    for (const [name, [low, high]] of Object.entries(limits)) {
      refuseOutside(name, this.#options[name as keyof SoundSegmenterOptions], low, high);
    }
  }

  /** The sounds that are over by the end of this chunk. */
  push(chunk: PcmChunk): SoundSegment[] {
    const segments = this.#continues(chunk) ? [] : this.#restart(chunk);
    this.#source = chunk;
    // Large chunks are worked on in parts, so that the buffer stays near the length of one sound.
    const part = 50 * this.#gate!.hop;
    for (let at = 0; at < chunk.samples.length; at += part) {
      this.#append(chunk.samples.subarray(at, at + part));
      segments.push(...this.#judgeFrames(this.#gate!.frame));
    }
    return segments;
  }

  /** The sound that was going on at the end of the stream. */
  flush(): SoundSegment[] {
    if (this.#gate === undefined) return [];
    const segments = this.#judgeFrames(1);
    if (this.#open !== undefined) segments.push(...this.#close(false));
    this.#audioStart += this.#filled;
    this.#filled = 0;
    this.#frameStart = this.#audioStart;
    return segments;
  }

  #continues(chunk: PcmChunk): boolean {
    return (
      !chunk.gap &&
      chunk.sampleRate === this.#source?.sampleRate &&
      chunk.sourceId === this.#source.sourceId &&
      chunk.firstSample === this.#audioStart + this.#filled
    );
  }

  #restart(chunk: PcmChunk): SoundSegment[] {
    const segments = this.flush();
    const same = chunk.sampleRate === this.#source?.sampleRate && chunk.sourceId === this.#source.sourceId;
    // After a gap the background is still that of the same place.
    if (!same) this.#gate = new SoundGate(chunk.sampleRate, this.#options.thresholdDb);
    this.#gap ||= chunk.gap || same;
    this.#audioStart = chunk.firstSample;
    this.#frameStart = chunk.firstSample;
    this.#filled = 0;
    return segments;
  }

  #append(samples: Float32Array): void {
    if (this.#filled + samples.length > this.#audio.length) {
      const larger = new Float32Array(2 * (this.#filled + samples.length));
      larger.set(this.#audio.subarray(0, this.#filled));
      this.#audio = larger;
    }
    this.#audio.set(samples, this.#filled);
    this.#filled += samples.length;
  }

  /** Judges each frame of which at least `needed` samples have come. */
  #judgeFrames(needed: number): SoundSegment[] {
    const gate = this.#gate!;
    const segments: SoundSegment[] = [];
    while (this.#frameStart + needed <= this.#audioStart + this.#filled) {
      const audio = this.#audio.subarray(0, this.#filled);
      const verdict = gate.judge(audio, this.#frameStart - this.#audioStart, this.#open !== undefined);
      if (this.#open === undefined && verdict.opens) this.#begin();
      if (this.#open !== undefined) segments.push(...this.#continue(this.#open, verdict.holds, verdict.over));
      this.#frameStart += gate.hop;
      if (this.#open === undefined)
        this.#forget(this.#frameStart - this.#samples(this.#options.preRollMs) - gate.frame);
    }
    return segments;
  }

  #begin(): void {
    const { frame, backgroundPower, spectrum } = this.#gate!;
    this.#open = {
      start: this.#edge(this.#frameStart - frame / 2, this.#frameStart + frame, backgroundPower, 'first'),
      held: this.#frameStart + frame,
      spectrum: new Float64Array(spectrum.length),
      background: new Float64Array(spectrum.length),
      ratio: 0,
      frames: 0,
      quiet: backgroundPower,
      continued: false,
    };
  }

  #continue(sound: OpenSound, holds: boolean, over: number): SoundSegment[] {
    const { frame, spectrum, background } = this.#gate!;
    const end = this.#frameStart + frame;
    if (holds) {
      sound.held = end;
      sound.ratio += 10 ** (over / 10);
      sound.frames++;
      for (let bin = 0; bin < spectrum.length; bin++) {
        sound.spectrum[bin]! += spectrum[bin]!;
        sound.background[bin]! += background[bin]!;
      }
    }
    // The sound ended somewhere within the last frame that held it.
    const quiet = end - sound.held + frame / 2;
    if (quiet >= this.#samples(this.#options.hangOverMs)) return this.#close(false);
    if (end - sound.start >= this.#samples(this.#options.maxLengthMs)) return this.#close(true);
    return [];
  }

  /** Ends the open sound; `cut`: it goes on in the next segment. */
  #close(cut: boolean): SoundSegment[] {
    const sound = this.#open!;
    const { frame } = this.#gate!;
    const arrived = this.#audioStart + this.#filled;
    const held = Math.min(sound.held, arrived);
    const end = cut
      ? Math.min(arrived, sound.start + this.#samples(this.#options.maxLengthMs))
      : Math.max(
          sound.start + 1,
          this.#edge(Math.max(sound.start, held - 4 * frame), held, sound.quiet, 'last'),
        );
    this.#open = cut ? { ...sound, start: end, continued: true, held: Math.max(end, held) } : undefined;
    const long = end - sound.start >= this.#samples(this.#options.minLengthMs);
    const segments = long || sound.continued ? [this.#segment(sound, end, cut)] : [];
    if (this.#open !== undefined) this.#clearSums(this.#open);
    this.#forget(end - this.#samples(this.#options.preRollMs));
    return segments;
  }

  #clearSums(sound: OpenSound): void {
    sound.spectrum = new Float64Array(sound.spectrum.length);
    sound.background = new Float64Array(sound.background.length);
    sound.ratio = 0;
    sound.frames = 0;
  }

  #segment(sound: OpenSound, end: number, cut: boolean): SoundSegment {
    const source = this.#source!;
    const roll = this.#samples(this.#options.preRollMs);
    const first = Math.max(this.#audioStart, sound.continued ? sound.start : sound.start - roll);
    // No further than was judged: how the audio was cut into chunks must not matter.
    const judged = Math.min(this.#frameStart + this.#gate!.frame, this.#audioStart + this.#filled);
    const last = Math.min(judged, cut ? end : end + roll);
    const heard = this.#audio.subarray(sound.start - this.#audioStart, end - this.#audioStart);
    const excess = sound.spectrum.map((power, bin) => Math.max(0, power - 2 * sound.background[bin]!));
    const segment: SoundSegment = {
      seq: this.#seq++,
      firstSample: first,
      sampleRate: source.sampleRate,
      samples: this.#audio.slice(first - this.#audioStart, last - this.#audioStart),
      gap: this.#gap,
      soundStart: sound.start,
      soundEnd: end,
      frequencyRange: energyBand(excess, this.#gate!.hertzPerBin),
      level: measureLevel(heard).level,
      overBackground: 10 * Math.log10(Math.max(1, sound.ratio / Math.max(1, sound.frames))),
      cut,
    };
    if (source.sourceId !== undefined) segment.sourceId = source.sourceId;
    if (source.startedAt !== undefined) segment.startedAt = source.startedAt;
    this.#gap = false;
    return segment;
  }

  /**
   * Where between two positions the sound begins or ends, to 2 ms: the first or last short block that is twice
   * as loud as the background. Of a sound that does not stand out as a whole no more is known than the frame.
   */
  #edge(from: number, to: number, quiet: number, which: 'first' | 'last'): number {
    const block = Math.round(this.#source!.sampleRate / 500);
    const low = Math.max(from, this.#audioStart);
    const high = Math.min(to, this.#audioStart + this.#filled);
    const powers: number[] = [];
    for (let at = low; at + block <= high; at += block) {
      let sum = 0;
      for (let i = at - this.#audioStart; i < at - this.#audioStart + block; i++) sum += this.#audio[i]! ** 2;
      powers.push(sum / block);
    }
    const loud = Math.max(4 * quiet, Math.max(...powers, 0) / 1000);
    const found =
      which === 'first' ? powers.findIndex((p) => p >= loud) : powers.findLastIndex((p) => p >= loud);
    const half = this.#gate!.frame / 2;
    if (found === -1) return Math.max(low, high - half);
    return low + block * (which === 'first' ? found : found + 1);
  }

  /** Drops audio before this position. */
  #forget(position: number): void {
    const drop = Math.min(position - this.#audioStart, this.#filled);
    // Moving a few samples at each frame would cost more than it frees.
    if (drop < 20 * this.#gate!.hop) return;
    this.#audio.copyWithin(0, drop, this.#filled);
    this.#filled -= drop;
    this.#audioStart += drop;
  }

  #samples(milliseconds: number): number {
    return Math.round((milliseconds * this.#source!.sampleRate) / 1000);
  }
}
