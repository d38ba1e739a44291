import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, constants, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { findFfmpeg, listAudioDevices } from '../audio/index.ts';
import { isInstalled } from '../audio/microphone.ts';
import { recorders } from '../audio/recorder.ts';
import { environmentFolder } from './bridge-python.ts';
import { openBridge } from './bridge-session.ts';
import { holdsNoMemory, memoryPath, openMemory } from './memory-session.ts';
import type { Terminal } from './terminal.ts';
import { count, showBytes } from './units.ts';

const run = promisify(execFile);

type Result =
  | { state: 'ok'; found: string }
  /** `problem`: something will not work. `warning`: something may not. `fix`: what to do about it. */
  | { state: 'warning' | 'problem'; found: string; fix: string };

export type Finding = Result & { name: string };

interface Examined {
  memory?: string | undefined;
  bridge?: string | undefined;
}

/** Each check in turn. One that fails in a way nobody foresaw is a problem by itself and does not stop the others. */
export async function* examine(
  options: Examined,
  terminal: Terminal,
  signal: AbortSignal,
): AsyncGenerator<Finding, void, undefined> {
  const checks: [name: string, check: () => Promise<Result>][] = [
    ['Node', node],
    ['Python', python],
    ['Bridge', () => bridge(options.bridge, terminal, signal)],
    ['ffmpeg', ffmpeg],
    ['Recorder', recorder],
    ['Microphone', microphone],
    ['Memory', () => memory(options.memory)],
    ['Disk', () => disk(options.memory)],
    [
      'Port 8000',
      () => port(8000, 'earmark serve', '/livez', 'Choose another one: earmark serve --port 8001'),
    ],
    ['Port 1880', () => port(1880, 'Node-RED', '/', 'Choose another one: PORT=1881 npm start')],
  ];
  for (const [name, check] of checks) {
    signal.throwIfAborted();
    terminal.status(`Checking: ${name} …`);
    try {
      yield { name, ...(await check()) };
    } catch (error) {
      signal.throwIfAborted();
      const found = error instanceof Error ? error.message : String(error);
      const fix = 'Run it again with EARMARK_DEBUG=1 and report what it prints as a fault in Earmark.';
      yield { name, state: 'problem', found, fix };
    }
  }
}

/** An older one has been refused before any command. */
async function node(): Promise<Result> {
  return { state: 'ok', found: process.version };
}

async function python(): Promise<Result> {
  const ready = readyPython();
  if (ready !== undefined) {
    try {
      return { state: 'ok', found: `${await ask(ready, packageVersions)} (${ready})` };
    } catch {
      return {
        state: 'problem',
        found: `${ready} does not run, or lacks a package of python-bridge/requirements.txt`,
        fix: process.env.EARMARK_BRIDGE_PYTHON
          ? 'Install the packages there, or unset EARMARK_BRIDGE_PYTHON.'
          : `Remove ${environmentFolder}; earmark serve makes it anew.`,
      };
    }
  }
  const base = process.env.EARMARK_PYTHON || (process.platform === 'win32' ? 'py' : 'python3');
  try {
    const version = await ask(base, 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])');
    const [major, minor] = version.split('.').map(Number) as [number, number];
    if (major === 3 && minor >= 10) {
      return { state: 'ok', found: `Python ${version}; the bridge's environment is made on first use` };
    }
    return {
      state: 'problem',
      found: `${base} is Python ${version}`,
      fix: 'Install Python 3.10 or newer, or set EARMARK_PYTHON to one.',
    };
  } catch {
    return {
      state: 'problem',
      found: `${base} is missing, or cannot make environments`,
      fix: 'Install Python 3.10 or newer with venv (Debian: apt install python3 python3-venv), or set EARMARK_PYTHON to one.',
    };
  }
}

const packageVersions =
  'import sys, fastapi, uvicorn, onnxruntime, numpy; print("Python %d.%d, onnxruntime %s, uvicorn %s" % (*sys.version_info[:2], onnxruntime.__version__, uvicorn.__version__))';

async function ask(command: string, program: string): Promise<string> {
  return (await run(command, ['-c', program], { timeout: 30_000 })).stdout.trim();
}

/** The Python that the bridge would be run with, where nothing has to be installed first. */
function readyPython(): string | undefined {
  if (process.env.EARMARK_BRIDGE_PYTHON) return process.env.EARMARK_BRIDGE_PYTHON;
  const own = path.join(
    environmentFolder,
    ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
  );
  return existsSync(own) ? own : undefined;
}

async function bridge(url: string | undefined, terminal: Terminal, signal: AbortSignal): Promise<Result> {
  const given = url ?? process.env.EARMARK_BRIDGE_URL;
  if (!given && readyPython() === undefined) {
    return {
      state: 'warning',
      found: 'not tried: its Python environment is not there yet',
      fix: 'earmark serve makes it, once; or name a running bridge with --bridge.',
    };
  }
  try {
    await using session = await openBridge({ bridge: url }, terminal, signal);
    const { model, service } = session;
    const second = Float32Array.from({ length: model.sampleRate }, (_, index) => Math.sin(index / 5) / 2);
    const options = { sampleRate: model.sampleRate, model: model.name, window: 'whole', signal } as const;
    await service.processAudio(second, options);
    const started = performance.now();
    await service.processAudio(second, options);
    const milliseconds = (performance.now() - started).toFixed(0);
    return {
      state: 'ok',
      found: `${given || 'its own'}; ${model.name} ${model.revision} embeds a second of sound in ${milliseconds} ms`,
    };
  } catch (error) {
    signal.throwIfAborted();
    return {
      state: 'problem',
      found: error instanceof Error ? error.message : String(error),
      fix: given
        ? `Start a bridge there (earmark serve), or correct the address or EARMARK_TOKEN.`
        : 'Run earmark serve to see all that it says.',
    };
  }
}

async function ffmpeg(): Promise<Result> {
  try {
    return { state: 'ok', found: (await findFfmpeg()).version };
  } catch (error) {
    return {
      state: 'warning',
      found: 'not installed: only WAV files can be read',
      fix: (error as Error).message,
    };
  }
}

async function recorder(): Promise<Result> {
  const installed = recorders.map(({ name }) => name).filter(isInstalled);
  if (installed.length > 0) return { state: 'ok', found: installed.join(', ') };
  return {
    state: 'warning',
    found: 'none: files work, microphones do not',
    fix:
      process.platform === 'linux'
        ? 'Install alsa-utils, pulseaudio-utils or ffmpeg.'
        : 'Install ffmpeg or sox.',
  };
}

async function microphone(): Promise<Result> {
  const devices = await listAudioDevices();
  if (devices.length > 0)
    return { state: 'ok', found: `${count(devices.length, 'device')}; earmark devices lists them` };
  return {
    state: 'warning',
    found: 'none was found',
    fix: 'Plug one in, or give this user access to it (Linux: the group audio).',
  };
}

async function memory(given: string | undefined): Promise<Result> {
  const folder = memoryPath(given);
  if (holdsNoMemory(folder)) {
    const parent = firstThatExists(folder);
    try {
      await access(parent, constants.W_OK);
      return { state: 'ok', found: `none yet; the first one is made in ${folder}` };
    } catch {
      return {
        state: 'problem',
        found: `${parent} cannot be written`,
        fix: 'Name another folder with --memory or EARMARK_MEMORY.',
      };
    }
  }
  try {
    await using opened = await openMemory(given, 'read');
    const { patterns, labels, encoder } = await opened.stats();
    const by = encoder === undefined ? '' : `, by ${encoder.name} ${encoder.revision}`;
    return {
      state: 'ok',
      found: `${count(patterns, 'pattern')} of ${count(Object.keys(labels).length, 'label')}${by} in ${folder}`,
    };
  } catch (error) {
    return {
      state: 'problem',
      found: (error as Error).message,
      fix: `Check the rights of ${folder}; earmark verify says what is damaged.`,
    };
  }
}

/** The folder or the first one above it that is there. On Windows not even a drive need be. */
function firstThatExists(folder: string): string {
  const parent = path.dirname(folder);
  return existsSync(folder) || parent === folder ? folder : firstThatExists(parent);
}

/** Under this, in bytes, a memory that grows will soon stop. */
const littleRoom = 1e9;

async function disk(given: string | undefined): Promise<Result> {
  const folder = firstThatExists(memoryPath(given));
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const found = `${showBytes(free)} free where the memory lies`;
  if (free >= littleRoom) return { state: 'ok', found };
  return {
    state: 'warning',
    found,
    fix: 'Make room, or move the memory with --memory; 100,000 patterns need about half a gigabyte.',
  };
}

/** A taken port is no fault where the right program has it. */
async function port(number: number, owner: string, endpoint: string, fix: string): Promise<Result> {
  const server = createServer();
  try {
    server.listen(number, '127.0.0.1');
    await once(server, 'listening');
    return { state: 'ok', found: `free for ${owner}` };
  } catch {
    const answered = await fetch(`http://127.0.0.1:${number}${endpoint}`, {
      signal: AbortSignal.timeout(2000),
    }).catch(() => undefined);
    await answered?.body?.cancel();
    if (answered?.ok) return { state: 'ok', found: `${owner} answers there, or a program like it` };
    return { state: 'warning', found: 'taken by another program', fix };
  } finally {
    server.close();
  }
}
