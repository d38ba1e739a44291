import type { EncoderIdentity } from '../pattern.ts';
import { BridgeError } from './bridge-error.ts';

/** What a similarity of this model means, measured on labelled sounds. */
export interface ModelCalibration {
  /** The similarity, 0 to 1, from which two sounds are best taken for the same. */
  defaultThreshold: number;
  /** `[similarity, probability that both are the same sound]`, rising. */
  points: [similarity: number, probability: number][];
}

/** A model that the server can run, as it describes itself. */
export interface EncoderModel extends EncoderIdentity {
  /** Length of a feature vector. */
  dimensions: number;
  /** Hertz; other audio must be resampled first. */
  sampleRate: number;
  /** The shortest window that the model can embed, in samples. */
  minimumSamples: number;
  /** The longest window that the server takes, in samples. */
  maximumSamples: number;
  /** The model's own window and step. */
  window: { seconds: number; hopSeconds: number };
  /** How its vectors are meant to be compared. */
  metric: 'cosine' | 'euclidean' | 'dot';
  /** Absent where nobody has measured it. */
  calibration?: ModelCalibration;
}

/** A model of the server's list and what the server is doing with it. */
export interface ModelStatus {
  name: string;
  state: 'available' | 'loading' | 'loaded' | 'failed';
  /** Why it failed. */
  error?: string;
  /** Absent while the server knows nothing of it: a model that was never loaded. */
  model?: EncoderModel;
}

/** @throws BridgeError `BAD_RESPONSE` where `value` is not a model description. */
export function parseEncoderModel(value: unknown): EncoderModel {
  const model = record(value, 'model');
  const window = record(model.window, 'model.window');
  const metric = model.metric;
  if (metric !== 'cosine' && metric !== 'euclidean' && metric !== 'dot') {
    throw notAModel('metric must be cosine, euclidean or dot');
  }
  const parsed: EncoderModel = {
    name: text(model.name, 'name'),
    revision: text(model.revision, 'revision'),
    dimensions: whole(model.dimensions, 'dimensions', 16_384),
    sampleRate: whole(model.sampleRate, 'sampleRate', 768_000),
    minimumSamples: whole(model.minimumSamples, 'minimumSamples'),
    maximumSamples: whole(model.maximumSamples, 'maximumSamples'),
    window: {
      seconds: positive(window.seconds, 'window.seconds'),
      hopSeconds: positive(window.hopSeconds, 'window.hopSeconds'),
    },
    metric,
  };
  const calibration = parseCalibration(model.calibration);
  return calibration ? { ...parsed, calibration } : parsed;
}

/** @throws BridgeError `BAD_RESPONSE` where `value` is not a model description with a state. */
export function parseModelStatus(value: unknown): ModelStatus {
  const status = record(value, 'model');
  const { state, error } = status;
  if (state !== 'available' && state !== 'loading' && state !== 'loaded' && state !== 'failed') {
    throw notAModel('state must be available, loading, loaded or failed');
  }
  return {
    name: text(status.name, 'name'),
    state,
    ...(typeof error === 'string' ? { error } : {}),
    ...(status.revision === undefined ? {} : { model: parseEncoderModel(status) }),
  };
}

function parseCalibration(value: unknown): ModelCalibration | undefined {
  if (value === null) return undefined;
  const { defaultThreshold, points } = record(value, 'model.calibration');
  if (typeof defaultThreshold !== 'number' || !Array.isArray(points)) {
    throw notAModel('calibration needs defaultThreshold and points');
  }
  return {
    defaultThreshold,
    points: points.map((point: unknown) => {
      if (!Array.isArray(point) || typeof point[0] !== 'number' || typeof point[1] !== 'number') {
        throw notAModel('calibration.points must be pairs of numbers');
      }
      return [point[0], point[1]];
    }),
  };
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw notAModel(`${name} must be an object`);
  }
  return value as Record<string, unknown>;
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > 256) {
    throw notAModel(`${name} must be a text of 1 to 256 characters`);
  }
  return value;
}

function whole(value: unknown, name: string, maximum = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > maximum) {
    throw notAModel(`${name} must be a whole number of 1 to ${maximum}`);
  }
  return value as number;
}

function positive(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw notAModel(`${name} must be above 0`);
  }
  return value;
}

function notAModel(problem: string): BridgeError {
  return new BridgeError(
    'BAD_RESPONSE',
    `The server described a model in a way that cannot be used: ${problem}.`,
  );
}
