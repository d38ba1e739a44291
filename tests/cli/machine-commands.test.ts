import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { testPython } from '../real-bridge.ts';
import { noVirtualMicrophone, VirtualMicrophone } from '../virtual-microphone.ts';
import { bell, writeSound } from './made-sounds.ts';
import { earmark, finish, startEarmark } from './run-earmark.ts';

// Whole processes are started here, and a busy machine takes its time for each.
vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(path.join(os.tmpdir(), 'earmark-cli-'));
const bridgeTests = path.join(import.meta.dirname, '..', '..', 'python-bridge', 'tests');
let environment: Record<string, string>;

beforeAll(async () => {
  const python = await testPython();
  const program = 'import sys, pathlib, bundle; bundle.write_models(pathlib.Path(sys.argv[1]))';
  const { status, stderr } = spawnSync(python, ['-c', program, folder], {
    cwd: bridgeTests,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  environment = {
    EARMARK_BRIDGE_PYTHON: python,
    EARMARK_MODELS: path.join(folder, 'models.json'),
    EARMARK_MEMORY: path.join(folder, 'memory'),
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a bridge of the command’s own', () => {
  it('is started for it and ends with it', async () => {
    const file = writeSound(path.join(folder, 'bell.wav'), bell(1, 1));
    const { status, stdout, stderr } = await earmark(['embed', file, '--jsonl'], { environment });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ file, model: { name: 'fixture' } });
  });

  it('that cannot run is explained', async () => {
    const { status, stderr } = await earmark(['embed', 'a.wav'], {
      environment: { ...environment, EARMARK_BRIDGE_PYTHON: '/bin/false' },
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^earmark embed: The Python server is not running\./);
    expect(stderr).not.toContain('fault in Earmark');
  });
});

describe('earmark serve', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('runs the server until %s and ends it', async (signal) => {
    const child = startEarmark(['serve', '--port', '0', '--host', '127.0.0.1'], { environment });
    const ended = finish(child);
    let said = '';
    while (!/listening on (\S+)/.test(said)) {
      const [text] = (await once(child.stderr, 'data')) as [string];
      said += text;
    }
    const url = /listening on (\S+)/.exec(said)![1]!;
    for (let ready = false; !ready; ) {
      ready = await fetch(`${url}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      );
    }
    const health = (await (await fetch(`${url}/health`)).json()) as { models: { name: string }[] };
    expect(health.models.map(({ name }) => name)).toContain('fixture');
    child.kill(signal);
    expect((await ended).status).toBe(0);
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });

  it('tells a script where it is, once it is ready', async () => {
    const child = startEarmark(['serve', '--port', '0', '--host', '127.0.0.1', '--json'], { environment });
    const ended = finish(child);
    const [line] = (await once(child.stdout, 'data')) as [string];
    const { url } = JSON.parse(line) as { url: string };
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ status: 0, stderr: expect.stringContaining('listening on') });
  });

  it.skipIf(spawnSync('openssl', ['version']).status !== 0)(
    'tells it too where nobody trusts the certificate (needs openssl)',
    async () => {
      const [key, certificate] = [path.join(folder, 'key.pem'), path.join(folder, 'certificate.pem')];
      const files = ['-keyout', key, '-out', certificate, '-subj', '/CN=earmark'];
      spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files]);
      const tls = { EARMARK_TLS_CERTIFICATE: certificate, EARMARK_TLS_KEY: key };
      const child = startEarmark(['serve', '--port', '0', '--json'], {
        environment: { ...environment, ...tls },
      });
      const ended = finish(child);
      const [line] = (await once(child.stdout, 'data')) as [string];
      expect(JSON.parse(line)).toEqual({ url: expect.stringMatching(/^https:\/\/localhost:\d+$/) });
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ status: 0 });
    },
  );

  it('says when the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const { status, stderr } = await earmark(['serve', '--port', String(port), '--host', '127.0.0.1'], {
      environment,
    });
    other.close();
    expect(status).toBe(1);
    expect(stderr).toContain(`port ${port} on 127.0.0.1 is taken`);
  });
});

describe('earmark doctor', () => {
  it('finds what is there and says how to fix what is not', async () => {
    const { stdout } = await earmark(['doctor', '--json'], { environment });
    const findings = JSON.parse(stdout) as { name: string; state: string; found: string; fix?: string }[];
    expect(findings.map(({ name }) => name)).toEqual([
      ...[
        'Node',
        'Python',
        'Bridge',
        'ffmpeg',
        'Recorder',
        'Microphone',
        'Memory',
        'Disk',
        'Port 8000',
        'Port 1880',
      ],
    ]);
    const found = Object.fromEntries(findings.map((finding) => [finding.name, finding]));
    expect(found.Node).toEqual({ name: 'Node', state: 'ok', found: process.version });
    expect(found.Python).toMatchObject({ state: 'ok', found: expect.stringContaining('onnxruntime') });
    expect(found.Bridge).toMatchObject({
      state: 'ok',
      found: expect.stringMatching(/fixture .* embeds a second/),
    });
    expect(found.Memory).toMatchObject({ state: 'ok', found: expect.stringContaining('none yet') });
    for (const { state, fix, name } of findings) expect(fix === undefined, name).toBe(state === 'ok');
  });

  it('ends with 1 where the bridge does not answer, and goes on with the rest', async () => {
    const { status, stdout } = await earmark(['doctor', '--bridge', 'http://127.0.0.1:9'], {
      environment: { ...environment, PATH: '/nowhere' },
    });
    expect(status).toBe(1);
    expect(stdout).toMatch(/✗ Bridge +.*127\.0\.0\.1:9/);
    expect(stdout).toMatch(/! ffmpeg +not installed.*\n +→ /);
    expect(stdout).toMatch(/! Recorder +none.*\n +→ /);
    expect(stdout).toMatch(/Port 1880/);
    expect(stdout).not.toContain('\u001b');
  });
});

describe.skipIf(noVirtualMicrophone !== undefined)(
  `earmark listen${noVirtualMicrophone ? ` (${noVirtualMicrophone})` : ''}`,
  () => {
    let microphone: VirtualMicrophone;
    beforeAll(async () => {
      microphone = await VirtualMicrophone.start();
    });
    afterAll(() => microphone?.stop());

    /** Listens while a sound is played again and again, until something was printed, and ends by Ctrl+C. */
    async function hear(args: string[]) {
      const child = startEarmark(['listen', '--device', microphone.device, ...args], { environment });
      const ended = finish(child);
      let printed = false;
      child.stdout.once('data', () => {
        printed = true;
      });
      while (!printed && child.exitCode === null) {
        await microphone.play(bell(3, 0.5), 16_000);
        await new Promise((resolve) => setTimeout(resolve, 700));
      }
      child.kill('SIGINT');
      return ended;
    }

    it('learns a sound and recognises it', async () => {
      const taught = await hear(['--teach', 'bell']);
      expect(taught.status).toBe(0);
      expect(taught.stdout).toMatch(/^\d\d:\d\d:\d\d {2}learnt as bell/);
      expect(taught.stderr).toMatch(/Listening to microphone:vmic by \w+\. Ctrl\+C ends it\./);

      const heard = await hear(['--json', '--threshold', '0.6']);
      expect(heard.status).toBe(0);
      const [sound] = heard.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(sound).toMatchObject({
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        threshold: 0.6,
        matches: [{ metadata: { label: 'bell', sourceId: 'microphone:vmic' } }],
      });
      expect(sound.endTime).toBeGreaterThan(sound.startTime);
      const devices = await earmark(['devices', '--json']);
      expect(JSON.parse(devices.stdout)).toContainEqual(expect.objectContaining({ device: 'vmic' }));
    });

    it('ends after the seconds that it was given', async () => {
      const silent = await earmark(['listen', '--device', microphone.device, '--seconds', '1'], {
        environment,
      });
      expect(silent).toMatchObject({ status: 0, stdout: '' });
    });
  },
);
