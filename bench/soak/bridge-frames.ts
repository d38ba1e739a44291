import { fuzzClient, fuzzCodec, fuzzServer } from '../../tests/bridge/frame-fuzz.ts';
import { startRealBridge } from '../../tests/real-bridge.ts';

/** `[frames] [seed]`: damaged frames through the codec, from a server to the client and from a client to the real server. */
export async function run({ args }: { args: string[] }): Promise<Record<string, unknown>> {
  const frames = Number(args[0] ?? 120_000);
  const seed = Number(args[1] ?? 1);
  const uncaught: string[] = [];
  process.on('uncaughtException', (error) => uncaught.push(String(error.stack)));
  process.on('unhandledRejection', (reason) => uncaught.push(String(reason)));
  fuzzCodec(frames, seed);
  const toClient = Math.ceil(frames / 60);
  const clientEndings = await fuzzClient(toClient, seed + 1);
  await using bridge = await startRealBridge({ model: 'fixture' });
  const toServer = Math.ceil(frames / 30);
  const serverCloseCodes = await fuzzServer(bridge, toServer, seed + 2);
  if (uncaught.length > 0)
    throw new Error(`${uncaught.length} uncaught exceptions, the first:\n${uncaught[0]}`);
  return {
    seed,
    codecFrames: frames,
    codecMessages: frames,
    clientConnections: toClient,
    clientEndings,
    serverFrames: toServer,
    serverCloseCodes,
    uncaughtExceptions: 0,
  };
}
