import { createHash, type Hash } from 'node:crypto';
import { access, mkdir, readdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BridgeError } from './bridge-error.ts';
import { runChild } from './child-run.ts';
import { type Cancellable, withDeadline } from './deadline.ts';
import { withLockFile } from './lock-file.ts';

export interface PythonEnvironmentOptions extends Cancellable {
  /** Where the environment is or shall be, for example the project's `.venv`. */
  directory: string;
  /** Requirement files for pip; files that they name with `-r` are followed. */
  requirements: string[];
  /**
   * The Python to make it with.
   * @default the environment variable `EARMARK_PYTHON`, or else the newest-named that is 3.10 or newer among
   * `python3`, `python`, `python3.14` … `python3.10` (Windows: `py`, `python`)
   */
  python?: string;
  /** Told in plain words what is being done. */
  onProgress?: (message: string) => void;
}

/** A Python that has what the server needs. */
export interface PythonEnvironment {
  /** The environment's own interpreter. */
  python: string;
  /** False when everything was there already. */
  installed: boolean;
}

const oldestPython = [3, 10] as const;
const installTimeoutMs = 30 * 60_000;
/** Which requirement files were installed, by their hash: `npm start` and `npm test` share an environment. */
const stampName = 'earmark-requirements.json';

/**
 * Makes a virtual environment and installs the requirements into it, or finds in milliseconds that this was done before.
 * Nothing outside `directory` is touched. Two processes may call it at once: one installs, the other waits.
 * @throws BridgeError `BRIDGE_PROCESS` with what to do about it; `CANCELLED`; `TIMEOUT` after half an hour
 */
export async function ensurePythonEnvironment(options: PythonEnvironmentOptions): Promise<PythonEnvironment> {
  const directory = path.resolve(options.directory);
  const python = interpreterIn(directory);
  const stamp = await stampOf(directory, options.requirements);
  if (await isInstalled(directory, python, stamp)) return { python, installed: false };
  return withDeadline(
    installTimeoutMs,
    options.signal,
    'Installing the Python environment',
    async (signal) => {
      const onProgress = options.onProgress ?? (() => {});
      const onWait = () =>
        onProgress('Another process is installing the Python environment; waiting for it …');
      await mkdir(path.dirname(directory), { recursive: true });
      return withLockFile(`${directory}.lock`, { signal, onWait }, async () => {
        if (await isInstalled(directory, python, stamp)) return { python, installed: false };
        await install({ ...options, directory, signal, onProgress }, python);
        // Written last and in one step: an installation that was cut off is begun again.
        const temporary = path.join(directory, `${stampName}.tmp`);
        await writeFile(temporary, JSON.stringify({ ...(await readStamp(directory)), ...stamp }));
        await rename(temporary, path.join(directory, stampName));
        onProgress('The Python environment is ready.');
        return { python, installed: true };
      });
    },
  );
}

/** Hashes by the file's place beside the environment. */
type Stamp = Record<string, string>;

async function isInstalled(directory: string, python: string, wanted: Stamp): Promise<boolean> {
  const program = await realpath(python).catch(() => undefined);
  if (program === undefined || !(await hasPackagesFor(program, directory))) return false;
  const stamp = await readStamp(directory);
  return Object.entries(wanted).every(([file, hash]) => stamp[file] === hash);
}

/** An upgrade of the system puts another Python behind the environment's link, which sees none of the old one's packages. */
async function hasPackagesFor(program: string, directory: string): Promise<boolean> {
  const [name] = /python\d+\.\d+$/.exec(program) ?? [];
  if (name === undefined) return true; // A copy, as on Windows: it stays what it was.
  return access(path.join(directory, 'lib', name)).then(
    () => true,
    () => false,
  );
}

async function readStamp(directory: string): Promise<Stamp> {
  try {
    return JSON.parse(await readFile(path.join(directory, stampName), 'utf8')) as Stamp;
  } catch {
    return {}; // None yet, or one that cannot be trusted.
  }
}

async function stampOf(directory: string, requirements: readonly string[]): Promise<Stamp> {
  const stamp: Stamp = {};
  for (const file of requirements) {
    const hash = createHash('sha256');
    await addRequirements(hash, path.resolve(file), 0);
    stamp[path.relative(directory, path.resolve(file))] = hash.digest('hex');
  }
  return stamp;
}

/** A requirement file and those that it names. */
async function addRequirements(hash: Hash, file: string, depth: number): Promise<void> {
  if (depth > 8) throw failure(`${file} is named by requirement files in a circle.`);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw failure(`The requirements file ${file} cannot be read. Is the package complete?`, cause);
  }
  hash.update(`${text}\0`);
  for (const [, named] of text.matchAll(/^\s*(?:-r|--requirement|-c|--constraint)[ =]+(\S+)/gm)) {
    await addRequirements(hash, path.resolve(path.dirname(file), named!), depth + 1);
  }
}

type Installation = PythonEnvironmentOptions & { signal: AbortSignal; onProgress: (message: string) => void };

async function install(installation: Installation, python: string): Promise<void> {
  const { directory, requirements, signal, onProgress } = installation;
  if (!(await hasPip(python, signal))) {
    const base = await findPython(installation);
    await checkDirectory(directory);
    onProgress(`Making a Python ${base.version} environment in ${directory} …`);
    const made = await runChild(base.command, [...base.args, '-m', 'venv', '--clear', directory], { signal });
    if (made.code !== 0) throw venvFailure(base.version, made.output.excerpt(15));
  }
  onProgress('Installing the Python packages; the first time this takes a minute or two …');
  const args = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off'];
  for (const file of requirements) args.push('-r', path.resolve(file));
  const installed = await runChild(python, args, {
    signal,
    environment: { PYTHONUNBUFFERED: '1' },
    onLine: (line) => {
      const said = inPlainWords(line);
      if (said) onProgress(said);
    },
  });
  if (installed.code !== 0) {
    throw failure(
      `pip could not install the Python packages. Check the network (and HTTPS_PROXY), then start again. pip said:\n${installed.output.excerpt(15)}`,
    );
  }
}

/** False where there is no environment, or half of one. */
async function hasPip(python: string, signal: AbortSignal): Promise<boolean> {
  const asked = await runChild(python, ['-m', 'pip', '--version'], { signal });
  return asked.code === 0;
}

interface BasePython {
  command: string;
  args: string[];
  version: string;
}

async function findPython({ python, signal }: Installation): Promise<BasePython> {
  const given = python ?? process.env.EARMARK_PYTHON;
  const tooOld: string[] = [];
  for (const [command, ...args] of given ? [[given]] : pythonCommands()) {
    const asked = await runChild(
      command!,
      [...args, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'],
      { signal },
    );
    const version = /^(\d+)\.(\d+)$/.exec(asked.output.lines[0] ?? '');
    if (asked.code !== 0 || !version) continue;
    if (Number(version[1]) === oldestPython[0] && Number(version[2]) >= oldestPython[1]) {
      return { command: command!, args, version: version[0] };
    }
    tooOld.push(`${command} is ${version[0]}`);
  }
  const wanted = `Python ${oldestPython.join('.')} or newer is needed`;
  const found = tooOld.length > 0 ? tooOld.join(', ') : given ? `${given} does not run` : 'none was found';
  throw failure(`${wanted}, but ${found}. ${installAdvice()} Or set EARMARK_PYTHON to the path of one.`);
}

function pythonCommands(): string[][] {
  if (process.platform === 'win32') return [['py', '-3'], ['python']];
  return ['python3', 'python', ...[14, 13, 12, 11, 10].map((minor) => `python3.${minor}`)].map((name) => [
    name,
  ]);
}

function installAdvice(): string {
  switch (process.platform) {
    case 'win32':
      return 'Install it from python.org or with `winget install Python.Python.3.12`.';
    case 'darwin':
      return 'Install it with `brew install python` or from python.org.';
    default:
      return 'On Debian and Ubuntu: `sudo apt install python3 python3-venv`.';
  }
}

/** `venv --clear` empties the directory: never one that holds something else. */
async function checkDirectory(directory: string): Promise<void> {
  const entries = await readdir(directory).catch((): string[] => []);
  if (entries.length > 0 && !entries.includes('pyvenv.cfg')) {
    throw failure(`${directory} exists and is not a Python environment. Remove it or choose another place.`);
  }
}

function venvFailure(version: string, said: string): BridgeError {
  if (/ensurepip|python3[.\d]*-venv|No module named '?venv/.test(said)) {
    return failure(
      `This Python ${version} cannot make environments because Debian keeps that apart. ` +
        `Run \`sudo apt install python3-venv\` (or python${version}-venv), then start again.`,
    );
  }
  return failure(`The Python environment could not be made. Python said:\n${said}`);
}

/** What of pip's output a newcomer wants to read. */
function inPlainWords(line: string): string | undefined {
  const fetched = /^\s*Downloading (\S+?)-\d\S*(?<!\.metadata) \(([\d.]+ [kMG]B)\)/.exec(line);
  if (fetched) return `Downloading ${fetched[1]} (${fetched[2]}) …`;
  return line.startsWith('Installing collected packages') ? 'Unpacking them …' : undefined;
}

function interpreterIn(directory: string): string {
  return process.platform === 'win32'
    ? path.join(directory, 'Scripts', 'python.exe')
    : path.join(directory, 'bin', 'python');
}

function failure(message: string, cause?: unknown): BridgeError {
  return new BridgeError('BRIDGE_PROCESS', message, { cause });
}
