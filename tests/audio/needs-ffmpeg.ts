import { isInstalled } from '../../src/audio/microphone.ts';

/** Whether tests that need ffmpeg are skipped; where the project is checked (CI) it has to be there. */
export const noFfmpeg = process.env.CI !== 'true' && !(isInstalled('ffmpeg') && isInstalled('ffprobe'));
