import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PythonBridgeService } from '../../src/bridge/python-bridge-service.ts';
import { startRealBridge } from '../real-bridge.ts';
import { collect, fileOf } from './window-source.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'earmark-tls-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A certificate of our own for 127.0.0.1. */
function makeCertificate(): { certificate: string; key: string } {
  const certificate = path.join(folder, 'certificate.pem');
  const key = path.join(folder, 'key.pem');
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
  const files = ['-keyout', key, '-out', certificate];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files]);
  expect(made.status, String(made.stderr)).toBe(0);
  return { certificate, key };
}

describe.skipIf(!hasOpenssl)('a remote server over TLS (needs openssl)', { timeout: 120_000 }, () => {
  test('is called and streamed to where its certificate is known, and refused where it is not', async () => {
    const { certificate, key } = makeCertificate();
    const known = tls.getCACertificates('default');
    tls.setDefaultCACertificates([...known, await readFile(certificate, 'utf8')]);
    await using bridge = await startRealBridge({
      model: 'fixture',
      arguments: ['--tls-certificate', certificate, '--tls-key', key],
    });
    expect(bridge.url).toMatch(/^https:/);
    for (const baseUrl of [bridge.url, bridge.url.replace('https', 'wss')]) {
      await using service = new PythonBridgeService({ baseUrl, token: bridge.token });
      expect(await service.checkHealth()).toMatchObject({ ready: true });
      expect(await collect(service.processAudioStream(fileOf(5)))).toHaveLength(5);
    }
    tls.setDefaultCACertificates(known);
    // Another address of the same server, so that no connection that was trusted is used again.
    await using stranger = new PythonBridgeService({
      baseUrl: bridge.url.replace('127.0.0.1', 'localhost'),
      token: bridge.token,
    });
    await expect(stranger.listModels()).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: expect.stringMatching(/certificate/i),
    });
    await expect(collect(stranger.processAudioStream(fileOf(1)))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    expect(stranger.metrics().reconnects).toBe(0);
  });
});
