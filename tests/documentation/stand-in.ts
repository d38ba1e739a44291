/**
 * Stands in, under their names, for programs that the documentation calls and a test must not run: they would change
 * the machine, need the network or a microphone, or go on until Ctrl+C. It checks how it is called as far as that can
 * be known here, and says what is wrong.
 *
 *     node stand-in.ts NAME ARGUMENT…
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const {
  name: packageName,
  version,
  scripts,
} = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
  scripts: Record<string, string>;
};

const interpreter = process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python'];

/** Puts the stand-in for a program in a place where a shell will find it. */
export function writeStandIn(file: string, name: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${import.meta.filename}' ${name} "$@"\n`);
  chmodSync(file, 0o755);
}

/** Commands that listen, serve or judge the machine: their arguments are read and that is all. */
const notRun = ['serve', 'listen', 'devices', 'doctor'];

async function earmark([name, ...args]: string[]): Promise<void> {
  if (notRun.includes(name!)) {
    const [{ commandList }, { parseCommandLine }] = await Promise.all([
      import('../../src/cli/command-list.ts'),
      import('../../src/cli/command.ts'),
    ]);
    parseCommandLine(await commandList.find((command) => command.name === name)!.load(), args);
    return;
  }
  const program = path.join(root, 'dist', 'src', 'cli', 'earmark.js');
  execFileSync(process.execPath, [program, name!, ...args], { stdio: 'inherit' });
}

async function npm([task, ...args]: string[]): Promise<void> {
  const isOperand = (argument: string, index: number) =>
    !argument.startsWith('-') && args[index - 1] !== '--prefix';
  const operands = args.filter(isOperand);
  if (task === 'run') {
    const [script, name] = operands;
    expectThat(script! in scripts, `there is no script ${script}`);
    const file = script === 'bench' ? `bench/${name}.ts` : `bench/soak/${name}.ts`;
    if (script === 'bench' || script === 'soak') existing(path.join(root, file));
    if (script === 'earmark') await earmark(args.slice(args.indexOf('--') + 1));
  } else if (task === 'install') {
    const tarball = `./${packageName.replace('@', '').replace('/', '-')}-${version}.tgz`;
    expectThat(operands.join() === packageName || operands.join() === tarball, 'this is another package');
  } else expectThat(task === 'pack' || task! in scripts, `npm ${task} is unknown`);
}

async function npx([program, ...args]: string[]): Promise<void> {
  expectThat(program === 'earmark', `npx ${program} is unknown`);
  await earmark(args);
}

function python([first, ...args]: string[]): void {
  if (first!.endsWith('server.py')) {
    existing(first!);
    // The certificate that a page names is its reader's own, so nobody looks into it here.
    const check =
      'import sys; from earmark_bridge import settings; settings._check_tls = lambda *files: None; settings.read_settings(sys.argv[1:])';
    const real = path.join(root, '.venv', ...interpreter);
    const env = { ...process.env, PYTHONPATH: path.join(root, 'python-bridge') };
    execFileSync(real, ['-c', check, ...args], { env, stdio: 'inherit' });
  } else if (first === '-m' && args[0] === 'venv')
    writeStandIn(path.join(args[1]!, 'bin', 'python'), 'python');
  else if (first === '-m' && args[0] === 'pip') pip(args.slice(1));
  else expectThat(first === '-m' && args[0] === 'pytest', `python ${first} is unknown`);
}

function pip([task, ...args]: string[]): void {
  expectThat(task === 'install' || task === 'uninstall', `pip ${task} is unknown`);
  if (args[0] === '-r') existing(args[1]!);
}

/** Debian's packages cannot be looked up here; a name must at least be one. */
function aptGet([task, ...names]: string[]): void {
  expectThat(task === 'install', `apt-get ${task} is unknown`);
  for (const name of names)
    expectThat(/^[a-z0-9][a-z0-9.+-]+$/.test(name), `${name} is no name of a package`);
}

/** Asks the real bridge, with the few options that the pages use. */
async function curl(args: string[]): Promise<void> {
  const headers = new Headers();
  for (const [index, argument] of args.entries()) {
    if (argument !== '--header') continue;
    const [name, ...value] = args[index + 1]!.split(': ');
    headers.set(name!, value.join(': '));
  }
  const response = await fetch(args.at(-1)!, { headers });
  process.stdout.write(await response.text());
  expectThat(response.ok, `the answer is ${response.status}`);
}

function openssl(args: string[]): void {
  expectThat(args.join(' ') === 'rand -hex 32', `openssl ${args.join(' ')} is unknown`);
  console.log(randomBytes(32).toString('hex'));
}

/** A microphone's raw samples, as a *capture* node takes them from the network. */
function arecord(args: string[]): void {
  expectThat(
    args.join(' ') === '-q -f S16_LE -r 16000 -c 1 -t raw',
    'these are not the samples that are wanted',
  );
}

function nc([host, port]: string[]): void {
  expectThat(URL.canParse(`tcp://${host}:${port}`) && port !== undefined, 'nc takes a host and a port');
}

async function sudo([program, ...args]: string[]): Promise<void> {
  await call(program!, args);
}

function existing(file: string): void {
  expectThat(existsSync(file), `${file} does not exist`);
}

function expectThat(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise);
}

export const standIns: Record<string, (args: string[]) => void | Promise<void>> = {
  earmark,
  npm,
  npx,
  python,
  python3: python,
  pip,
  sudo,
  'apt-get': aptGet,
  arecord,
  curl,
  nc,
  openssl,
};

async function call(name: string, args: string[]): Promise<void> {
  expectThat(name in standIns, `${name} is unknown`);
  await standIns[name]!(args);
}

if (process.argv[1] === import.meta.filename) {
  const [name, ...args] = process.argv.slice(2);
  try {
    await call(name!, args);
  } catch (error) {
    console.error(`${name} ${args.join(' ')}: ${(error as Error).message}`);
    // What `earmark` itself answered is the answer.
    process.exitCode = (error as { status?: number }).status ?? 1;
  }
}
