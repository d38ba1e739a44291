import { randomUUID } from 'node:crypto';
import type { FrequencyRange, Pattern } from '../pattern.ts';
import { BridgeError } from './bridge-error.ts';
import type { Cancellable } from './deadline.ts';
import type { EmbeddedWindow } from './embedded-window.ts';
import type { EncoderModel } from './encoder-model.ts';
import type { PythonBridgeService } from './python-bridge-service.ts';

/** What a pattern holds beside its time and its features. All fields have defaults. */
export interface PatternDetails {
  /** 1 to 512 bytes. @default a random UUID */
  id?: string;
  /** @default 'sound' */
  type?: string;
  /** 0 to 1. @default 1 */
  confidence?: number;
  /** Hertz. @default 0 to half the sample rate */
  frequencyRange?: FrequencyRange;
}

export interface ExtractOptions extends Cancellable {
  /** Hertz; must be the model's. */
  sampleRate: number;
  /** Seconds, or `whole` for one vector. @default 'whole' */
  window?: number | 'whole';
  /** Seconds. */
  hop?: number;
}

/** Sounds in, patterns out, by one Wav2Vec2 model of a bridge. */
export class Wav2Vec2FeatureAdapter {
  readonly #service: PythonBridgeService;
  readonly #modelName: string | undefined;
  #model: EncoderModel | undefined;
  #disposed = false;

  /** `model`: its name; default the server's first one. */
  constructor(service: PythonBridgeService, options: { model?: string } = {}) {
    this.#service = service;
    this.#modelName = options.model;
  }

  /**
   * Has the server load the model, and learns what it needs. Calling it again asks again.
   * @throws BridgeError `MODEL_NOT_FOUND`, `MODEL_FAILED`, `UNREACHABLE` …
   */
  async initialize(options: Cancellable = {}): Promise<EncoderModel> {
    this.#checkUse();
    const name = this.#modelName ?? (await this.#service.listModels(options))[0]?.name;
    if (name === undefined) {
      throw new BridgeError('MODEL_NOT_FOUND', 'The server has no model. Add one to its models.json.');
    }
    const { model } = await this.#service.loadModel(name, options);
    if (!model) throw new BridgeError('BAD_RESPONSE', `The server loaded ${name} but does not describe it.`);
    this.#model = model;
    return model;
  }

  /** What {@link initialize} learned. @throws BridgeError `BAD_REQUEST` before it */
  get model(): EncoderModel {
    if (!this.#model) throw new BridgeError('BAD_REQUEST', 'Call initialize() before using the adapter.');
    return this.#model;
  }

  /** @throws BridgeError of any code; see docs/protocol.md */
  async extractFeatures(
    samples: Float32Array | Int16Array,
    options: ExtractOptions,
  ): Promise<EmbeddedWindow[]> {
    this.#checkUse();
    return this.#service.processAudio(samples, { window: 'whole', ...options, model: this.model.name });
  }

  /** A pattern of an embedded window; `details` says what the encoder cannot know. */
  createPattern(embedded: EmbeddedWindow, details: PatternDetails = {}): Pattern {
    const { firstSample, sampleCount, sampleRate, features } = embedded;
    const { id = randomUUID(), type = 'sound', confidence = 1 } = details;
    if (!(confidence >= 0 && confidence <= 1)) {
      throw new BridgeError('BAD_REQUEST', `A pattern's confidence must be 0 to 1, not ${confidence}.`);
    }
    return {
      id,
      startTime: firstSample / sampleRate,
      endTime: (firstSample + sampleCount) / sampleRate,
      frequencyRange: details.frequencyRange ?? { low: 0, high: sampleRate / 2 },
      confidence,
      type,
      features: features.slice(),
    };
  }

  /**
   * How alike two sounds are, 1 for the same: the cosine of the angle between the vectors, whatever their lengths.
   * @throws BridgeError `BAD_REQUEST` where they cannot be compared
   */
  compareFeatures(a: Float32Array, b: Float32Array): number {
    if (a.length === 0 || a.length !== b.length) {
      throw new BridgeError(
        'BAD_REQUEST',
        `Vectors of ${a.length} and ${b.length} dimensions cannot be compared.`,
      );
    }
    let product = 0;
    let squaresOfA = 0;
    let squaresOfB = 0;
    for (let i = 0; i < a.length; i++) {
      product += a[i]! * b[i]!;
      squaresOfA += a[i]! * a[i]!;
      squaresOfB += b[i]! * b[i]!;
    }
    const lengths = Math.sqrt(squaresOfA * squaresOfB);
    if (!(lengths > 0)) throw new BridgeError('BAD_REQUEST', 'A vector of length 0 is not alike anything.');
    return Math.max(-1, Math.min(1, product / lengths));
  }

  /** Lets go of the model's description; the service stays open, it belongs to who made it. */
  dispose(): void {
    this.#disposed = true;
    this.#model = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #checkUse(): void {
    if (this.#disposed)
      throw new BridgeError('CLOSED', 'The adapter was disposed of. Make a new one to go on.');
  }
}
