// node slow-reader.ts URL TOKEN SERVER_PID SECONDS
// A file at full speed whose vectors are read one a second; prints the memory of both sides as JSON lines.
import { readFileSync } from 'node:fs';
import type { AudioWindow } from '../../src/audio/pcm.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';

const [url, token, serverPid, seconds] = process.argv.slice(2);
const service = new PythonBridgeService({ baseUrl: url!, token: token! });

async function* file(): AsyncGenerator<AudioWindow> {
  for (let seq = 0; ; seq++) {
    const samples = new Float32Array(16_000).fill(0.01 + (seq % 50) / 100);
    yield { seq, firstSample: seq * samples.length, sampleRate: 16_000, samples, gap: false };
  }
}

/** Resident bytes of a process; Linux only. */
function residentBytes(pid: string | number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

const stream = service.processAudioStream(file());
const startedAt = performance.now();
while (performance.now() - startedAt < Number(seconds) * 1000) {
  await stream.next();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const at = (performance.now() - startedAt) / 1000;
  console.log(JSON.stringify({ at, client: residentBytes('self'), server: residentBytes(serverPid!) }));
}
await stream.return?.();
await service.close();
