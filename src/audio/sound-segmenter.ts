import { AudioError } from './audio-error.ts';
import type { PcmChunk, SoundSegment } from './pcm.ts';

export interface SoundSegmenterOptions {
  /** How far a sound must rise over the background, in decibels, 3 to 60. Default 10. */
  thresholdDb?: number;
  /** Milliseconds of audio kept before and after the sound, 0 to 1,000. Default 60. */
  preRollMs?: number;
  /** Milliseconds of quiet after which a sound counts as over, 20 to 10,000. Default 300. */
  hangOverMs?: number;
  /** Sounds shorter than this are clicks and are left out; 0 to 10,000 milliseconds. Default 30. */
  minLengthMs?: number;
  /** A longer sound is cut here; 100 to 600,000 milliseconds. Default 10,000. */
  maxLengthMs?: number;
}

/** Finds sounds in a stream. */
export class SoundSegmenter {
  constructor(_options: SoundSegmenterOptions = {}) {
    throw new AudioError('INVALID_ARGUMENT', 'Not yet built.');
  }
  push(_chunk: PcmChunk): SoundSegment[] {
    return [];
  }
  flush(): SoundSegment[] {
    return [];
  }
}
