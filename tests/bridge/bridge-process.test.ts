import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BridgeProcess, type BridgeProcessState } from '../../src/bridge/bridge-process.ts';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { HealthMonitor } from '../../src/health/health-monitor.ts';
import { serverScript, testPython, writeFixtureModels } from '../real-bridge.ts';
import { collect, fileOf, patiently, windowOf } from './window-source.ts';

let python: string;
let folder: string;
let models: string;

beforeAll(async () => {
  python = await testPython();
  folder = await mkdtemp(path.join(tmpdir(), 'earmark-process-'));
  models = await writeFixtureModels(python, folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function pidOf(process: BridgeProcess): Promise<number> {
  await expect.poll(() => process.state.value, patiently).toBe('ready');
  return process.state.value === 'ready' ? process.state.pid : 0;
}

// Each test starts Python, some several times.
describe('the managed server', { timeout: 120_000 }, () => {
  test('starts on a free port with a token of its own, and ends when it is stopped', async () => {
    const lines: string[] = [];
    const server = new BridgeProcess({
      python,
      script: serverScript,
      arguments: ['--models', models],
      // Of another server on this machine.
      environment: { EARMARK_TOKEN_FILE: '/nowhere', EARMARK_TLS_CERTIFICATE: '/nowhere' },
      onLog: (line) => lines.push(line),
    });
    const states: BridgeProcessState['value'][] = [];
    server.state$.subscribe(({ value }) => states.push(value));
    const url = await server.start();
    expect(await server.start()).toBe(url);
    const pid = await pidOf(server);
    expect(server.token).toMatch(/^[0-9a-f]{64}$/);
    await using service = new PythonBridgeService({ baseUrl: url, token: server.token });
    expect(await collect(service.processAudioStream(fileOf(3)))).toHaveLength(3);
    await using stranger = new PythonBridgeService({ baseUrl: url });
    await expect(stranger.listModels()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(server.log.join('\n')).toContain('listening on');
    expect(lines).toEqual(server.log);
    expect(lines.join('\n')).not.toContain(server.token);
    // What is open is answered first: each of these keeps the model busy for a while.
    async function* slowWindows() {
      for (let seq = 0; seq < 6; seq++) yield windowOf(seq, { loudest: 3.9 });
    }
    const stream = service.processAudioStream(slowWindows(), { encoding: 'f32le' });
    await stream.next();
    const stopping = server.stop();
    expect((await collect(stream)).map((outcome) => outcome.ok)).toEqual([true, true, true, true, true]);
    await stopping;
    expect(isRunning(pid)).toBe(false);
    expect(states).toEqual(['stopped', 'starting', 'starting', 'ready', 'stopping', 'stopped']);
    await server.stop();
  });

  test('takes relative paths from where this process is', async () => {
    const here = (file: string) => path.relative(process.cwd(), file);
    await using server = new BridgeProcess({
      python: here(python),
      script: here(serverScript),
      environment: { EARMARK_MODELS: here(models) },
    });
    await using service = new PythonBridgeService({ baseUrl: await server.start(), token: server.token });
    expect((await service.listModels()).map(({ name }) => name)).toContain('fixture');
  });

  test('is started again when it is killed; a stream goes on where it was', async () => {
    using health = new HealthMonitor();
    await using server = new BridgeProcess({
      python,
      script: serverScript,
      arguments: ['--models', models],
      health,
    });
    const url = await server.start();
    await using service = new PythonBridgeService({ baseUrl: () => server.url, token: server.token });
    const stream = service.processAudioStream(fileOf(400));
    await stream.next();
    const first = await pidOf(server);
    process.kill(first, 'SIGKILL');
    const rest = await collect(stream);
    expect(rest.map((outcome) => outcome.ok && outcome.value.seq)).toEqual(
      Array.from({ length: 399 }, (_, i) => i + 1),
    );
    expect(await pidOf(server)).not.toBe(first);
    expect(server.url).toBe(url);
    expect(health.snapshot()).toMatchObject({
      events: { 'bridge restart': 1 },
      states: { 'bridge process': 'ready' },
    });
  });

  test('that cannot start says why in its own words', async () => {
    const script = path.join(folder, 'broken.py');
    await writeFile(script, 'raise SystemExit("the model is not installed")\n');
    await using server = new BridgeProcess({ python, script });
    const error = await server.start().catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: 'BRIDGE_PROCESS' });
    expect((error as Error).message).toContain('the model is not installed');
    expect((error as Error).message).toContain('exit code 1');
    expect(server.state.value).toBe('failed');
    await expect(new BridgeProcess({ python: '/nowhere/python', script }).start()).rejects.toMatchObject({
      code: 'BRIDGE_PROCESS',
      message: expect.stringContaining('ENOENT'),
    });
  });

  test('that could not start is not asked any more', async () => {
    const script = path.join(folder, 'short.py');
    await writeFile(script, 'raise SystemExit(1)\n');
    const server = new BridgeProcess({ python, script });
    await expect(server.start()).rejects.toMatchObject({ code: 'BRIDGE_PROCESS' });
    let asked = 0;
    const other = createServer(() => asked++).listen(Number(new URL(server.url).port), '127.0.0.1');
    await once(other, 'listening');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(asked).toBe(0);
    other.close();
  });

  test.runIf(process.platform !== 'win32')(
    'that cannot start for want of file descriptors leaves this process alive',
    async () => {
      const source = new URL('../../src/bridge/bridge-process.ts', import.meta.url).href;
      const program = `
        import { openSync } from 'node:fs';
        import { BridgeProcess } from ${JSON.stringify(source)};
        const server = new BridgeProcess(${JSON.stringify({ python, script: serverScript, port: 45_678 })});
        await import('node:child_process');
        try { for (;;) openSync('/dev/null'); } catch {}
        await server.start().catch((error) => console.log(error.code, error.message));
      `;
      const script = 'ulimit -n 200; exec "$0" --input-type=module -e "$1"';
      const child = spawn('sh', ['-c', script, process.execPath, program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      expect(await once(child, 'close')).toEqual([0, null]);
      expect(said).toMatch(/BRIDGE_PROCESS .*EMFILE/);
    },
  );

  test('that never gets ready is given up and killed', async () => {
    const script = path.join(folder, 'silent.py');
    await writeFile(script, 'import time\nprint("loading", flush=True)\ntime.sleep(600)\n');
    await using server = new BridgeProcess({ python, script, startTimeout: 400 });
    await expect(server.start()).rejects.toMatchObject({
      code: 'BRIDGE_PROCESS',
      message: expect.stringMatching(/not ready within 0.4 s[\s\S]*loading/),
    });
  });

  test('that ignores SIGTERM is killed', async () => {
    const script = path.join(folder, 'stubborn.py');
    await writeFile(
      script,
      `import http.server, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
`,
    );
    const server = new BridgeProcess({ python, script, stopTimeout: 300 });
    await server.start();
    const pid = await pidOf(server);
    await server.stop();
    expect(isRunning(pid)).toBe(false);
  });

  test('stopped or aborted while it starts leaves nothing behind', async () => {
    const server = new BridgeProcess({ python, script: serverScript, arguments: ['--models', models] });
    const starting = server.start();
    starting.catch(() => {});
    await server.stop();
    await expect(starting).rejects.toMatchObject({ code: 'CLOSED' });
    expect(server.state.value).toBe('stopped');
    const controller = new AbortController();
    const aborted = server.start({ signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
    await server.stop();
  });

  test('whose given port is taken says so; another one is taken when any will do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const fixed = new BridgeProcess({ python, script: serverScript, arguments: ['--models', models], port });
    await expect(fixed.start()).rejects.toMatchObject({
      message: expect.stringContaining(`Port ${port} is taken`),
    });
    other.close();

    // The port that it had is taken while it is down.
    await using server = new BridgeProcess({ python, script: serverScript, arguments: ['--models', models] });
    const url = await server.start();
    const pid = await pidOf(server);
    const thief = createServer();
    const taken = new Promise<void>((resolve) => thief.on('listening', resolve));
    const take = () => void thief.listen(Number(new URL(url).port), '127.0.0.1');
    thief.on('error', () => setTimeout(take, 5)); // As long as the server has it.
    process.kill(pid, 'SIGKILL');
    take();
    await taken;
    await expect.poll(() => server.state.value, patiently).toBe('restarting');
    await pidOf(server);
    expect(server.url).not.toBe(url);
    await using service = new PythonBridgeService({ baseUrl: () => server.url, token: server.token });
    expect(await service.checkHealth()).toMatchObject({ ready: true });
    thief.close();
  });

  test('ends by itself when its parent is killed', async () => {
    const program = `
      import { BridgeProcess } from ${JSON.stringify(new URL('../../src/bridge/bridge-process.ts', import.meta.url).href)};
      const server = new BridgeProcess(${JSON.stringify({ python, script: serverScript, arguments: ['--models', models] })});
      await server.start();
      console.log(server.state.pid);
      setInterval(() => {}, 1000);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = (await once(parent.stdout.setEncoding('utf8'), 'data')) as [string];
    const pid = Number(chunk);
    expect(isRunning(pid)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => isRunning(pid), patiently).toBe(false);
  });
});
