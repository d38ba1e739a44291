import { describe, expect, it, vi } from 'vitest';
import { findFfmpeg } from '../../src/audio/ffmpeg.ts';

vi.mock('node:child_process', async (original) => ({
  ...(await original<typeof import('node:child_process')>()),
  // As where it has not started in time.
  execFile: (_program: string, _args: string[], _options: object, callback: (error: Error) => void) =>
    callback(Object.assign(new Error('Command failed'), { killed: true, signal: 'SIGTERM' })),
}));

describe('findFfmpeg', () => {
  it('does not say that one is missing which is only slow to start', async () => {
    await expect(findFfmpeg()).rejects.toMatchObject({ code: 'TIMEOUT', retryable: true });
  });
});
