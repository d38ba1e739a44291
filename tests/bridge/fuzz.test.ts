import { expect, test } from 'vitest';
import { startRealBridge } from '../real-bridge.ts';
import { fuzzClient, fuzzCodec, fuzzServer } from './frame-fuzz.ts';

// `npm run soak -- bridge-frames` does the same with more than 100,000 frames.

test('damaged frames and messages are read right or refused', () => {
  fuzzCodec(4000, 1);
});

test('a server that says damaged things ends streams, never the process', async () => {
  const endings = await fuzzClient(60, 2);
  expect(endings.BAD_RESPONSE).toBeGreaterThan(20);
});

test('the server closes damaged frames with the right code and lives on', { timeout: 120_000 }, async () => {
  await using bridge = await startRealBridge({ model: 'fixture' });
  const closes = await fuzzServer(bridge, 150, 3);
  expect(closes['4400']).toBeGreaterThan(20);
});
