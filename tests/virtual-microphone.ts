import { type ChildProcess, execFile, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { encodeWav } from '../src/audio/wav-writer.ts';

const run = promisify(execFile);

/**
 * Why tests that need the virtual microphone are skipped; `undefined` where they run. Where the project is
 * checked (CI) they always do.
 */
export const noVirtualMicrophone = process.env.CI === 'true' ? undefined : missingPrograms();

function missingPrograms(): string | undefined {
  const missing = ['pulseaudio', 'pactl', 'paplay', 'parec', 'arecord'].filter((program) => {
    try {
      execFileSync('which', [program], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  return missing.length === 0
    ? undefined
    : `needs ${missing.join(', ')}: apt install pulseaudio pulseaudio-utils alsa-utils libasound2-plugins`;
}

/**
 * A sound server of its own with a speaker whose sound is a microphone's: what is played is recorded. Works as
 * root, without a sound card or a kernel module. While it runs, this process's environment points to it, so
 * that recorders started here find it; `stop` puts the environment back.
 */
export class VirtualMicrophone {
  /** The microphone's name for `arecord` and `parec`. */
  readonly device = 'vmic';
  readonly #folder: string;
  readonly #server: ChildProcess;
  /** Idle, the speaker takes two seconds of sound at a time; somebody who listens closely keeps it quick. */
  #listener: ChildProcess | undefined;
  readonly #before: Record<string, string | undefined> = {};

  private constructor(folder: string, server: ChildProcess, environment: Record<string, string>) {
    this.#folder = folder;
    this.#server = server;
    for (const [name, value] of Object.entries(environment)) {
      this.#before[name] = process.env[name];
      process.env[name] = value;
    }
  }

  static async start(): Promise<VirtualMicrophone> {
    const folder = mkdtempSync(join(tmpdir(), 'earmark-sound-'));
    const runtime = join(folder, 'run');
    mkdirSync(runtime);
    chmodSync(runtime, 0o700);
    writeFileSync(
      join(folder, '.asoundrc'),
      'pcm.!default {type pulse}\nctl.!default {type pulse}\npcm.vmic {type pulse device vmic}\n',
    );
    const environment = {
      HOME: folder,
      XDG_RUNTIME_DIR: runtime,
      PULSE_RUNTIME_PATH: join(runtime, 'pulse'),
    };
    const server = spawn(
      'pulseaudio',
      [
        ...['-n', '--exit-idle-time=-1', '--daemonize=no', `--log-target=file:${join(folder, 'log')}`],
        ...['-L', 'module-native-protocol-unix'],
        ...['-L', 'module-null-sink sink_name=vspk rate=48000 channels=1'],
        ...['-L', 'module-remap-source source_name=vmic master=vspk.monitor'],
      ],
      { env: { ...process.env, ...environment }, stdio: 'ignore' },
    );
    const microphone = new VirtualMicrophone(folder, server, environment);
    await microphone.#ready();
    return microphone;
  }

  /** Plays samples on the speaker; resolves when the last of them was handed over. */
  async play(samples: Float32Array, sampleRate: number): Promise<void> {
    const path = join(this.#folder, `play-${Math.random().toString(36).slice(2)}.wav`);
    writeFileSync(path, encodeWav(samples, sampleRate));
    // Without a latency the first sound comes two seconds late, in bursts; a fifth of a second does not delay it and
    // outlasts the pauses of a busy machine, which would be holes in the sound.
    await run('paplay', ['--latency-msec=200', '--device=vspk', path]);
    rmSync(path, { force: true });
  }

  /** Takes the speaker and its microphone away, as if they were unplugged. */
  async unplug(): Promise<void> {
    await run('pactl', ['unload-module', 'module-remap-source']);
    await run('pactl', ['unload-module', 'module-null-sink']);
  }

  async replug(): Promise<void> {
    await run('pactl', ['load-module', 'module-null-sink', 'sink_name=vspk', 'rate=48000', 'channels=1']);
    await run('pactl', ['load-module', 'module-remap-source', 'source_name=vmic', 'master=vspk.monitor']);
    await this.#listen();
  }

  async stop(): Promise<void> {
    for (const [name, value] of Object.entries(this.#before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    this.#listener?.kill('SIGKILL');
    const ended = new Promise((resolve) => this.#server.once('exit', resolve));
    this.#server.kill('SIGTERM');
    const force = setTimeout(() => this.#server.kill('SIGKILL'), 3000);
    await ended;
    clearTimeout(force);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      const listed = await run('pactl', ['list', 'short', 'sources']).catch(() => undefined);
      if (listed?.stdout.includes('vmic')) return this.#listen();
      await sleep(100);
    }
    await this.stop();
    throw new Error('The virtual microphone did not start within ten seconds.');
  }

  /** Resolves when sound flows. */
  async #listen(): Promise<void> {
    this.#listener?.kill('SIGKILL');
    const options = { stdio: ['ignore', 'pipe', 'ignore'] } satisfies SpawnOptions;
    this.#listener = spawn('parec', ['-d', 'vmic', '--latency-msec=20', '--raw'], options);
    await once(this.#listener.stdout!, 'data');
    this.#listener.stdout!.resume();
  }
}
