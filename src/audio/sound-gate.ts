import { PowerSpectrum } from './power-spectrum.ts';

/** What the gate says of one frame. */
export interface GateVerdict {
  /** A sound may begin here. */
  opens: boolean;
  /** A sound that has begun goes on. */
  holds: boolean;
  /** Decibels over the background, in the band that stands out most. */
  over: number;
}

/** Edges of the bands in hertz. A weak whistle is lost in the whole's energy, not in its own band's. */
const bandEdges = [60, 300, 800, 2000, 4000, 8000, 16_000, 24_000];

/** Nothing under this counts as background, in dBFS: dither and rounding are no sound. */
const quietest = 10 ** (-80 / 10);
/** The first frame may already be sound; what is louder than this in dBFS is taken for one. */
const loudestStart = 10 ** (-45 / 10);

/** A sound goes on until it is so many decibels under the threshold that let it in. */
const hysteresis = 4;
/** A sudden rise of so many decibels, over all bands, lets a weaker sound in. */
const onsetRise = 6;
/** Frames over which a rise is measured. */
const onsetFrames = 4;

/** Weights of a new frame in the running background; a frame counts for at most four times the background. */
const learning = {
  /** Down with a time constant of half a second. Much quicker than up would put it under the true mean. */
  down: 0.02,
  /** Up with a time constant of a second, at most 13 dB/s. */
  up: 0.01,
  /** While a sound lasts about 1 dB/s: a fan that stays on becomes background. */
  upDuringSound: 0.0008,
};

/**
 * Tells sound from background, frame by frame (10 ms apart, 32 ms long): a band that rises over its own
 * running level, or a sudden rise of many bands.
 */
export class SoundGate {
  /** Samples of a frame. */
  readonly frame: number;
  /** Samples from one frame to the next. */
  readonly hop: number;
  readonly hertzPerBin: number;
  /** Power of the latest frame by bin. */
  readonly spectrum: Float64Array;
  /** Background power by bin. */
  readonly background: Float64Array;
  readonly #thresholdDb: number;
  readonly #transform: PowerSpectrum;
  /** First bin of each band, and the bin after the last band. */
  readonly #edges: number[];
  readonly #floor: Float64Array;
  readonly #recent: Float64Array[] = [];
  #frames = 0;

  constructor(sampleRate: number, thresholdDb: number) {
    this.#thresholdDb = thresholdDb;
    this.frame = 2 ** Math.round(Math.log2(0.032 * sampleRate));
    this.hop = Math.round(sampleRate / 100);
    this.hertzPerBin = sampleRate / this.frame;
    this.#transform = new PowerSpectrum(this.frame);
    this.spectrum = this.#transform.power;
    this.background = new Float64Array(this.#transform.bins);
    const bins = bandEdges.map((edge) => Math.max(1, Math.round(edge / this.hertzPerBin)));
    this.#edges = [...bins.filter((bin) => bin < this.#transform.bins - 1), this.#transform.bins];
    this.#floor = new Float64Array(this.#edges.length - 1);
  }

  /** The background's mean square, the unit of a sample's square. */
  get backgroundPower(): number {
    // A Hann window lets three eighths of a sine's square through where the mean square is a half.
    return this.#floor.reduce((sum, power) => sum + power, 0) * (4 / 3);
  }

  /** Judges the frame that begins at `offset`. `during`: whether a sound is going on. */
  judge(samples: Float32Array, offset: number, during: boolean): GateVerdict {
    this.#transform.measure(samples, offset);
    const powers = this.#bandPowers();
    if (this.#frames === 0) this.#start(powers);
    let over = 0;
    for (let band = 0; band < powers.length; band++)
      over = Math.max(over, powers[band]! / this.#floor[band]!);
    over = 10 * Math.log10(Math.max(1e-12, over));
    const rise = this.#rise(powers);
    const opens = over >= this.#thresholdDb || (over >= this.#thresholdDb - hysteresis && rise >= onsetRise);
    const holds = over >= Math.max(2, this.#thresholdDb - hysteresis);
    this.#learn(powers, opens || (during && holds));
    this.#frames++;
    return { opens, holds, over };
  }

  #bandPowers(): Float64Array {
    const powers = new Float64Array(this.#floor.length);
    for (let band = 0; band < powers.length; band++) {
      let sum = 0;
      for (let bin = this.#edges[band]!; bin < this.#edges[band + 1]!; bin++) sum += this.spectrum[bin]!;
      powers[band] = sum;
    }
    return powers;
  }

  #start(powers: Float64Array): void {
    for (const [band, power] of powers.entries()) {
      this.#floor[band] = Math.min(loudestStart, Math.max(quietest, power));
      const bins = this.#edges[band + 1]! - this.#edges[band]!;
      this.background.fill(this.#floor[band]! / bins, this.#edges[band]!, this.#edges[band + 1]!);
    }
  }

  /** Mean rise of the bands within the last frames, in decibels. */
  #rise(powers: Float64Array): number {
    const before = this.#recent.length >= onsetFrames ? this.#recent.shift()! : undefined;
    this.#recent.push(powers);
    if (before === undefined) return 0;
    let sum = 0;
    for (let band = 0; band < powers.length; band++) {
      const ratio = Math.max(quietest, powers[band]!) / Math.max(quietest, before[band]!);
      if (ratio > 1) sum += 10 * Math.log10(ratio);
    }
    return sum / powers.length;
  }

  #learn(powers: Float64Array, sounding: boolean): void {
    const up = sounding ? learning.upDuringSound : learning.up;
    for (let band = 0; band < powers.length; band++) {
      const power = powers[band]!;
      const floor = this.#floor[band]!;
      const weight = power < floor ? learning.down : up;
      this.#floor[band] = Math.max(quietest, floor + weight * (Math.min(power, 4 * floor) - floor));
    }
    if (sounding) return;
    for (let bin = 0; bin < this.background.length; bin++) {
      this.background[bin]! += 0.02 * (this.spectrum[bin]! - this.background[bin]!);
    }
  }
}
