import { plainObject } from '../feature-message.ts';
import type { MessageOptions } from '../message-options.ts';
import { optionalNumber } from '../number-field.ts';
import type { SoundFormat } from '../sound-message.ts';
import type { SourceFields } from './chosen-source.ts';
import { ranges } from './ranges.ts';

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
export function captureOptions(fields: CaptureFields, given: MessageOptions): CaptureOptions {
  const seconds = (name: keyof CaptureFields & keyof typeof ranges, otherwise: number) => {
    const { min, max } = ranges[name];
    return (
      given.number(name, ranges[name]) ??
      Math.min(max, Math.max(min, optionalNumber(fields[name]) ?? otherwise))
    );
  };
  const windowSeconds = seconds('windowSeconds', 1);
  const cut = given.choice('cut', ['sounds', 'windows']) ?? fields.cut;
  const pace = given.choice('pace', ['fast', 'live']) ?? fields.pace;
  const format = given.choice('format', ['raw', 'wav']) ?? fields.format;
  return {
    cut: cut === 'windows' ? 'windows' : 'sounds',
    windowSeconds,
    hopSeconds: Math.min(windowSeconds, seconds('hopSeconds', windowSeconds)),
    pauseSeconds: seconds('pauseSeconds', 0.15),
    maxSeconds: seconds('maxSeconds', 5),
    pace: pace === 'live' ? 'live' : 'fast',
    format: format === 'wav' ? 'wav' : 'raw',
  };
}

const own: ReadonlySet<string> = new Set<keyof CaptureFields | keyof SourceFields>([
  ...(['source', 'device', 'path', 'url', 'protocol', 'host', 'port', 'sampleRate'] as const),
  ...(['cut', 'windowSeconds', 'hopSeconds', 'pauseSeconds', 'maxSeconds', 'pace', 'format'] as const),
]);

/** The part of `msg.options` that is for the nodes behind: `cut`, for example, means something else to them. */
export function optionsBehind(options: unknown): { options?: object } {
  const others = Object.entries(plainObject(options)).filter(([name]) => !own.has(name));
  return others.length === 0 ? {} : { options: Object.fromEntries(others) };
}
