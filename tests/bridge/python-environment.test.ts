import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensurePythonEnvironment } from '../../src/bridge/python-environment.ts';

let folder: string;
let directory: string;
let requirements: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'earmark-python-'));
  directory = path.join(folder, '.venv');
  requirements = path.join(folder, 'requirements.txt');
  // A package of our own, so that nothing is fetched.
  await writeWheel(path.join(folder, 'tiny_sound-1.0-py3-none-any.whl'));
  await writeFile(requirements, `--no-index\n${path.join(folder, 'tiny_sound-1.0-py3-none-any.whl')}\n`);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A wheel is a zip file; Python itself writes it. */
async function writeWheel(file: string): Promise<void> {
  const code = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("tiny_sound/__init__.py", "answer = 42\\n")
    wheel.writestr("tiny_sound-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny-sound\\nVersion: 1.0\\n")
    wheel.writestr("tiny_sound-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("tiny_sound-1.0.dist-info/RECORD", "tiny_sound/__init__.py,,\\n")
`;
  expect(await exitCode('python3', ['-c', code, file])).toBe(0);
}

async function exitCode(command: string, args: string[]): Promise<number | null> {
  const child = spawn(command, args, { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

/** A program that answers as an odd Python would. */
async function fakePython(lines: string): Promise<string> {
  const file = path.join(folder, 'fake-python');
  await writeFile(file, `#!/bin/sh\n${lines}\n`);
  await chmod(file, 0o755);
  return file;
}

describe('the Python environment', { timeout: 120_000 }, () => {
  test('is made once by two callers, found without running anything afterwards, and follows its requirements', async () => {
    const said: string[] = [];
    const options = {
      directory,
      requirements: [requirements],
      onProgress: (line: string) => said.push(line),
    };
    const both = await Promise.all([ensurePythonEnvironment(options), ensurePythonEnvironment(options)]);
    expect(both.map(({ installed }) => installed).sort()).toEqual([false, true]);
    const { python } = both[0];
    expect(await exitCode(python, ['-c', 'import tiny_sound; assert tiny_sound.answer == 42'])).toBe(0);
    expect(said.filter((line) => line.startsWith('Making a Python'))).toHaveLength(1);
    expect(said.at(-1)).toBe('The Python environment is ready.');

    const saidBefore = said.length;
    // No Python is run for it: one that cannot be run is not even noticed.
    expect(await ensurePythonEnvironment({ ...options, python: '/nowhere' })).toEqual({
      python,
      installed: false,
    });
    expect(said).toHaveLength(saidBefore);

    // Other requirements for the same environment leave the first ones in force.
    const more = path.join(folder, 'more.txt');
    await writeFile(more, '--no-index\n-r requirements.txt\n');
    expect(await ensurePythonEnvironment({ ...options, requirements: [requirements, more] })).toMatchObject({
      installed: true,
    });
    expect(await ensurePythonEnvironment(options)).toMatchObject({ installed: false });
    await writeFile(
      requirements,
      `--no-index\n# newer\n${path.join(folder, 'tiny_sound-1.0-py3-none-any.whl')}\n`,
    );
    expect(await ensurePythonEnvironment({ ...options, requirements: [more] })).toMatchObject({
      installed: true,
    });
    expect(said.filter((line) => line.startsWith('Making a Python'))).toHaveLength(1);
    expect((await readdir(folder)).filter((name) => name.includes('lock'))).toEqual([]);
  });

  test.runIf(process.platform !== 'win32')(
    'is made anew when an upgrade has put another Python behind its link',
    async () => {
      const upgraded = path.join(folder, 'python3.13');
      await rename(await fakePython('exit 1'), upgraded);
      await mkdir(path.join(directory, 'bin'), { recursive: true });
      await symlink(upgraded, path.join(directory, 'bin', 'python'));
      const hash = createHash('sha256')
        .update(`${await readFile(requirements, 'utf8')}\0`)
        .digest('hex');
      const stamp = { '../requirements.txt': hash };
      await writeFile(path.join(directory, 'earmark-requirements.json'), JSON.stringify(stamp));
      const options = { directory, requirements: [requirements], python: '/nowhere' };

      await mkdir(path.join(directory, 'lib', 'python3.13'), { recursive: true });
      expect(await ensurePythonEnvironment(options)).toMatchObject({ installed: false });

      await rename(path.join(directory, 'lib', 'python3.13'), path.join(directory, 'lib', 'python3.12'));
      await expect(ensurePythonEnvironment(options)).rejects.toMatchObject({
        message: expect.stringContaining('/nowhere does not run'),
      });
    },
  );

  test('takes over from a process that died while it installed', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'close');
    await writeFile(`${directory}.lock`, String(dead.pid));
    expect(await ensurePythonEnvironment({ directory, requirements: [requirements] })).toMatchObject({
      installed: true,
    });
  });

  test('waits no longer than it is wanted for one that lives', async () => {
    await writeFile(`${directory}.lock`, String(process.pid));
    const said: string[] = [];
    const waiting = ensurePythonEnvironment({
      directory,
      requirements: [requirements],
      signal: AbortSignal.timeout(400),
      onProgress: (line) => said.push(line),
    });
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(said).toEqual(['Another process is installing the Python environment; waiting for it …']);
  });

  test.runIf(process.platform !== 'win32').each([
    ['none', 'exit 127', /Python 3\.10 or newer is needed, but .* does not run.*EARMARK_PYTHON/s],
    ['too old a one', 'echo 3.9', /Python 3\.10 or newer is needed, but .* is 3\.9/],
    [
      'one without ensurepip',
      'case "$*" in *sys.version_info*) echo 3.11;; *) echo "The virtual environment was not created: ensurepip is not available. apt install python3.11-venv"; exit 1;; esac',
      /sudo apt install python3-venv/,
    ],
  ])('says what to do about %s', async (_name, lines, message) => {
    const python = await fakePython(lines);
    await expect(
      ensurePythonEnvironment({ directory, requirements: [requirements], python }),
    ).rejects.toMatchObject({
      code: 'BRIDGE_PROCESS',
      message: expect.stringMatching(message),
    });
  });

  test('says what pip could not install, and begins again the next time', async () => {
    await writeFile(requirements, '--no-index\nno-such-package-of-earmark\n');
    const options = { directory, requirements: [requirements] };
    const failed = ensurePythonEnvironment(options);
    await expect(failed).rejects.toMatchObject({
      code: 'BRIDGE_PROCESS',
      message: expect.stringContaining('no-such-package-of-earmark'),
    });
    await writeFile(requirements, '--no-index\n');
    expect(await ensurePythonEnvironment(options)).toMatchObject({ installed: true });
  });

  test('never empties a folder that is something else', async () => {
    await mkdir(directory);
    await writeFile(path.join(directory, 'thesis.txt'), 'chapter 1');
    await expect(ensurePythonEnvironment({ directory, requirements: [requirements] })).rejects.toMatchObject({
      message: expect.stringContaining('not a Python environment'),
    });
    expect(await readdir(directory)).toEqual(['thesis.txt']);
  });

  test('names a requirements file that is missing', async () => {
    await expect(
      ensurePythonEnvironment({ directory, requirements: [path.join(folder, 'none.txt')] }),
    ).rejects.toMatchObject({ message: expect.stringContaining('none.txt') });
  });
});
