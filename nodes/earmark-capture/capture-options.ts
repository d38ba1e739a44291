import { plainObject } from '../feature-message.ts';
import type { Message } from '../message-worker.ts';
import { optionalNumber } from '../number-field.ts';
import type { SoundFormat } from '../sound-message.ts';

/** How one run of a capture node cuts, paces and sends. */
export interface CaptureOptions {
  cut: 'sounds' | 'windows';
  windowSeconds: number;
  /** Distance between the starts of neighbouring windows. */
  hopSeconds: number;
  /** Quiet that ends a sound. */
  pauseSeconds: number;
  /** A longer sound is cut. */
  maxSeconds: number;
  /** `live` reads a file no faster than it would be heard. */
  pace: 'fast' | 'live';
  format: SoundFormat;
}

export interface CaptureFields {
  cut: string;
  windowSeconds: string;
  hopSeconds: string;
  pauseSeconds: string;
  maxSeconds: string;
  pace: string;
  format: string;
}

/** The dialog's options, with the message's own in front of them. */
export function captureOptions(fields: CaptureFields, message: Message): CaptureOptions {
  const options = { ...fields, ...plainObject(message.options) };
  const windowSeconds = bounded(options.windowSeconds, 1, 0.1, 30);
  return {
    cut: options.cut === 'windows' ? 'windows' : 'sounds',
    windowSeconds,
    hopSeconds: Math.min(windowSeconds, bounded(options.hopSeconds, windowSeconds, 0.02, 30)),
    pauseSeconds: bounded(options.pauseSeconds, 0.15, 0.05, 5),
    maxSeconds: bounded(options.maxSeconds, 5, 0.2, 30),
    pace: options.pace === 'live' ? 'live' : 'fast',
    format: options.format === 'wav' ? 'wav' : 'raw',
  };
}

function bounded(value: unknown, otherwise: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, optionalNumber(value) ?? otherwise));
}
